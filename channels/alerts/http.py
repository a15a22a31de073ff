"""Monitoring systems' webhooks: ``POST /hooks/alerts/{account}`` -> a Draft for each alert -> intake.

Arrives: a request in its account's dialect. Leaves: a Draft an alert, whose raw is the alert as it came and whose meta
holds it as every dialect is read; then 202 once all are safe, or 200 where all came before. Called by the web role.

Failures, as problem documents (RFC 9457): 404 for an account that is not in the settings, 401 for a token that is
missing or wrong, 413 over its limit, 422 naming the field, 503 with Retry-After while neither bus nor spool takes it.
Of a request that failed half-way the first alerts stand: sent again, they have no second effect.
"""

import asyncio
import base64
import binascii
import hmac
from collections.abc import Callable, Mapping
from typing import Any

from aiohttp import web

from channels.alerts import alertmanager, plain, zabbix
from channels.alerts.account import AlertAccount
from channels.alerts.event import Read
from channels.hooks import Asking, BadCredentials, Hook, HookDeps, body_of, decoded, problem
from domain.message import alert_key
from domain.ports import Draft

ADAPTER = "alerts"
CHANNEL = "alert"
_TOGETHER = 16
"""Alerts of one request that are on their way at once; those of one fingerprint go one after the other."""

Dialect = Callable[[AlertAccount, Any, bytes], tuple[Read, ...]]
DIALECTS: Mapping[str, Dialect] = {"alertmanager": alertmanager.read, "zabbix": zabbix.read, "plain": plain.read}

AlertDeps = HookDeps[AlertAccount]
"""What gateway hands over."""


class AlertChannel:
    """The hook's handler. ``add_routes`` puts it on an application."""

    def __init__(self, deps: AlertDeps) -> None:
        self._deps = deps
        self._hook = Hook(deps, adapter=ADAPTER, channel=CHANNEL)

    def add_routes(self, app: web.Application) -> None:
        app.router.add_post("/hooks/alerts/{account:[a-z0-9_-]+}", self.post)
        app.on_cleanup.append(self._hook.told)

    async def post(self, request: web.Request) -> web.Response:
        name = request.match_info["account"]
        account = self._deps.accounts.get(name)
        if account is None:
            return problem(404, "There is no such account.")
        answer = await self._hook.answered(
            name,
            account.max_size,
            lambda: self._take(request, name, account),
            credentials="The token is missing or wrong.",
        )
        if answer.status == 401:
            answer.headers["WWW-Authenticate"] = 'Bearer realm="alerts"'
        return answer

    async def _take(self, request: web.Request, name: str, account: AlertAccount) -> web.Response:
        check(account, request.headers.get("Authorization", ""))
        raw = await body_of(request, account.max_size)
        alerts = DIALECTS[account.dialect](account, decoded(raw, "body"), raw)
        accepted = await self._accept(request.remote or "", name, account, alerts)
        self._hook.heard(name)
        told = [
            {"fingerprint": each.event.fingerprint, "id": envelope, "duplicate": not new}
            for each, (envelope, new) in zip(alerts, accepted, strict=True)
        ]
        return web.json_response({"alerts": told}, status=202 if any(new for _, new in accepted) else 200)

    async def _accept(
        self, peer: str, name: str, account: AlertAccount, alerts: tuple[Read, ...]
    ) -> list[tuple[str, bool]]:
        """Of each alert its envelope, and whether it came now. Every one has been tried when this raises."""
        found: dict[int, tuple[str, bool]] = {}
        asking, room = Asking(), asyncio.Semaphore(_TOGETHER)
        lanes: dict[str, list[int]] = {}
        for index, each in enumerate(alerts):
            lanes.setdefault(each.event.fingerprint, []).append(index)

        async def in_turn(indexes: list[int]) -> None:
            async with room:
                for index in indexes:
                    found[index] = await self._one(peer, name, account, alerts[index], asking)

        ended = await asyncio.gather(*(in_turn(indexes) for indexes in lanes.values()), return_exceptions=True)
        fault = next((end for end in ended if end is not None), None)
        if fault is not None:
            raise fault
        return [found[index] for index in range(len(alerts))]

    async def _one(self, peer: str, name: str, account: AlertAccount, read: Read, asking: Asking) -> tuple[str, bool]:
        draft = Draft(
            channel=CHANNEL,
            account=name,
            adapter=ADAPTER,
            media_type="application/json",
            raw=read.raw,
            meta={
                "peer": peer,
                "dialect": account.dialect,
                "alert": read.event.plain(),
                "catalog": account.catalog,
                "when_resolved": account.resolved,
            },
        )
        key = alert_key(name, read.event.fingerprint, read.event.event_id).removeprefix("alert:")
        # A repeat may have other words (a measured value): it is the same event all the same, and no conflict.
        return await self._hook.accept(draft, key, key, asking)


def check(account: AlertAccount, header: str) -> None:
    """Raises ``BadCredentials``. The user's name of basic authentication is free."""
    scheme, _, given = header.strip().partition(" ")
    given = given.strip()
    if scheme.lower() == "basic":
        try:
            shown = base64.b64decode(given.encode("ascii"), validate=True).partition(b":")[2]
        except (UnicodeEncodeError, binascii.Error) as error:
            raise BadCredentials("unreadable") from error
    elif scheme.lower() == "bearer":
        shown = given.encode("utf-8", "surrogateescape")
    else:
        raise BadCredentials("missing")
    if not hmac.compare_digest(shown, account.token.encode()):
        raise BadCredentials("token")
