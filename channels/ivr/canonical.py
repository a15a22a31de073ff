"""Our own dialect: a JSON body after ``docs/schemas/ivr.v1.json``, signed with a shared secret. For Asterisk,
FreeSWITCH, 3CX, Vonage, Plivo, Voximplant's scenarios, and whatever else can post.

``X-Intake-Timestamp``: seconds since 1970. ``X-Intake-Signature``: hex HMAC-SHA256(secret, timestamp + "." + body).
Answers 202 with the envelope's id, and 200 where the event came before.
"""

import hashlib
import hmac
import re
from datetime import timedelta

from aiohttp import web

from channels.hooks import decoded
from channels.ivr.account import IvrAccount
from channels.ivr.event import BadSignature, Event, Posted, checked

BELOW = False
"""Whether the provider posts to paths below the account's."""
WINDOW = timedelta(minutes=5)
_SECONDS = re.compile(r"[0-9]{1,12}")


def check(account: IvrAccount, posted: Posted) -> None:
    """Raises ``BadSignature``. A clock that is five minutes ahead or behind is as stale as an old request."""
    stamp = posted.headers.get("X-Intake-Timestamp", "")
    given = posted.headers.get("X-Intake-Signature", "")
    if not _SECONDS.fullmatch(stamp) or not given:
        raise BadSignature("missing")
    wanted = hmac.new(account.secret.encode(), stamp.encode() + b"." + posted.body, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(wanted.encode(), given.strip().lower().encode("utf-8", "replace")):
        raise BadSignature("signature")
    if abs(posted.now.timestamp() - int(stamp)) > WINDOW.total_seconds():
        raise BadSignature("stale")


def read(account: IvrAccount, posted: Posted) -> Event | None:
    """Raises ``Malformed``."""
    event = checked(decoded(posted.body, "body"))
    if event.transcript is not None and not event.transcript.language:
        event.transcript.language = account.language
    return event


def received(account: IvrAccount, posted: Posted, envelope: str, *, new: bool) -> web.Response:
    return web.json_response({"id": envelope, "duplicate": not new}, status=202 if new else 200)
