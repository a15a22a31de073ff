"""The way back to a monitoring system: an agent's answer on its ticket is posted as an annotation of the alert.

Arrives: ``domain.outgoing.Parcel`` from ``gateway.outbound``. Leaves: ``POST annotate_url`` with JSON ``{"ticket",
"fingerprint", "text", "author", "at"}`` and the account's bearer token. ``Idempotency-Key`` stays the same over all
attempts, so that sending again does no harm.

Failures: 2xx is sent; other 4xx, a redirect, and an address of our own network where the account does not allow one
will never do; 5xx, 408, 425, 429 and whatever the net does may do later. How the account fares is told by the hook
alone: an annotation that fails is seen on its delivery.
"""

import contextlib
from datetime import UTC
from typing import Any

from aiohttp import ClientError, InvalidURL

from channels.alerts.account import AlertAccount
from channels.guard import guarded_session, was_refused
from channels.health import Health
from domain.errors import Permanent, Temporary
from domain.ids import format_number
from domain.outgoing import Parcel, Sent

_LATER = frozenset({408, 425, 429})
_LONGEST_PAUSE_S = 3600.0
_READ = 65_536
"""Bytes of an answer that are read at most; nothing in it matters."""


class AlertSender:
    """``domain.ports.Sender`` for one account. An account without ``annotate_url`` refuses what it is given."""

    repeatable = True

    def __init__(self, account: AlertAccount, _health: Health) -> None:
        self._account = account

    async def send(self, parcel: Parcel) -> Sent:
        """See ``domain.ports.Sender.send``."""
        url = self._account.annotate_url
        if url is None:
            raise Permanent("This monitoring system takes no answers", reason="annotate_url is not set")
        headers = {"Idempotency-Key": parcel.key}
        if self._account.annotate_token:
            headers["Authorization"] = f"Bearer {self._account.annotate_token}"
        try:
            async with (
                guarded_session(private=self._account.annotate_private) as session,
                session.post(url, json=annotation(parcel), headers=headers, allow_redirects=False) as answer,
            ):
                status, pause = answer.status, answer.headers.get("Retry-After", "")
                await answer.content.read(_READ)
        except InvalidURL as error:
            raise Permanent("The address is none", reason="annotate_url is no address") from error
        except (ClientError, TimeoutError, OSError) as error:
            if was_refused(error):
                raise Permanent("The address is not allowed", reason=f"annotate_url: {_REFUSED}") from error
            reason = f"{type(error).__name__}: {error}"[:300]
            raise Temporary("The monitoring system cannot be reached", reason=reason) from error
        _judge(status, pause)
        return Sent(detail={"status": status})


_REFUSED = "it leads into our own network; annotate_private allows that"


def annotation(parcel: Parcel) -> dict[str, Any]:
    delivery = parcel.delivery
    return {
        "ticket": format_number(delivery.number),
        "fingerprint": delivery.references[-1] if delivery.references else "",
        "text": delivery.text.strip("\n"),
        "author": delivery.author,
        "at": delivery.created_at.astimezone(UTC).isoformat().replace("+00:00", "Z"),
    }


def _judge(status: int, pause: str) -> None:
    if 200 <= status < 300:
        return
    said = f"the monitoring system answers {status}"
    if status in _LATER or status >= 500:
        later = {}
        with contextlib.suppress(ValueError):
            later["retry_after"] = min(max(float(pause), 1.0), _LONGEST_PAUSE_S)
        raise Temporary("The monitoring system does not take it now", reason=said, **later)
    raise Permanent("The monitoring system refused it", reason=said)
