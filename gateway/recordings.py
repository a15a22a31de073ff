"""Recordings of telephone calls: fetched for an agent who opens one, from where the telephone system keeps it.

The link came with a signed event, yet is not followed into our own network, and our password for the system's
recordings goes nowhere but to the hosts that the account names.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import aiohttp

from channels.guard import guarded_session, was_refused
from channels.ivr.account import IvrAccount
from domain.errors import NotFound, Unavailable
from domain.message import Call
from domain.ports import Recording
from gateway import logs

log = logs.get()

_LONGEST = 250 * 1024 * 1024
_WITHIN_S = 120.0
_CHUNK = 65_536
_SOUND = ("audio/", "video/", "application/octet-stream", "application/ogg")


class HttpRecordings:
    """``domain.ports.Recordings``."""

    def __init__(self, accounts: Mapping[str, IvrAccount]) -> None:
        self._accounts = accounts

    @asynccontextmanager
    async def open(self, account: str, call: Call) -> AsyncIterator[Recording]:
        """See ``domain.ports.Recordings.open``."""
        known, url = self._accounts.get(account), call.recording_url
        place = urlsplit(url or "")
        if known is None or not url or place.scheme not in ("http", "https") or not place.hostname:
            raise NotFound("There is no recording")
        headers = _credentials(known, place.hostname, call)
        async with guarded_session(private=known.recordings_private, timeout_s=_WITHIN_S) as session:
            try:
                async with session.get(url, headers=headers, allow_redirects=False) as answer:
                    kind = answer.headers.get("Content-Type", "").partition(";")[0].strip().lower()
                    if answer.status == 404:
                        raise NotFound("The telephone system has no such recording any more")
                    if answer.status != 200 or not kind.startswith(_SOUND):
                        raise Unavailable("recordings", reason=f"the telephone system answered {answer.status} {kind}")
                    size = answer.content_length
                    if size is not None and size > _LONGEST:
                        raise Unavailable("recordings", reason="the recording is too long to be handed on")
                    yield Recording(media_type=kind, size=size, content=_limited(answer))
            except (aiohttp.ClientError, TimeoutError, OSError) as error:
                why = "the address leads into our own network" if was_refused(error) else type(error).__name__
                log.warning("recording.failed", account=account, reason=why)
                raise Unavailable("recordings", reason=why) from error


def _credentials(account: IvrAccount, host: str, call: Call) -> dict[str, str]:
    if host not in account.recordings_hosts:
        return {}
    if call.recording_auth == "bearer" and account.recordings_password:
        return {"Authorization": f"Bearer {account.recordings_password}"}
    if call.recording_auth == "basic" and account.recordings_user:
        return {"Authorization": aiohttp.encode_basic_auth(account.recordings_user, account.recordings_password)}
    return {}


async def _limited(answer: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    total = 0
    async for chunk in answer.content.iter_chunked(_CHUNK):
        total += len(chunk)
        if total > _LONGEST:
            raise Unavailable("recordings", reason="the recording is too long to be handed on")
        yield chunk
