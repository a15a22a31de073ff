"""What the API says of people's identities and of channels' accounts, and does to them."""

from collections.abc import Sequence
from datetime import timedelta

from aiohttp import web

from desk.api import models, requests
from desk.api.actions import actor_of, body_of
from desk.api.handlers import Call, reply
from domain.accounts import AccountState
from domain.identity import IdentityLink

_VALID = timedelta(days=3)
"""A letter may lie over a weekend."""


async def invite(call: Call) -> web.Response:
    """For an identity that has written something that the reader sees."""
    identity, now = call.request.match_info["id"], call.desk.clock.now()
    await call.desk.identities.links(call.scope, identity)
    secret = await call.desk.identities.invite(identity, now, _VALID)
    return reply(models.Invite(secret=secret, expires_at=now + _VALID), status=201)


async def merge(call: Call) -> web.Response:
    given = await body_of(call.request, requests.Merge)
    link = await call.desk.identities.merge(
        call.scope, call.request.match_info["id"], given.identity, actor_of(call).id, call.desk.clock.now()
    )
    return reply(_link(link), status=201)


async def links(call: Call) -> web.Response:
    return reply(_links(await call.desk.identities.links(call.scope, call.request.match_info["id"])))


async def undo(call: Call) -> web.Response:
    identities = call.desk.identities
    gone = await identities.undo(call.scope, call.request.match_info["id"], actor_of(call).id, call.desk.clock.now())
    return reply(_links(await identities.links(call.scope, gone.identity)))


def _links(found: Sequence[IdentityLink]) -> models.IdentityLinks:
    return models.IdentityLinks(items=tuple(_link(each) for each in found))


def _link(found: IdentityLink) -> models.IdentityLink:
    return models.IdentityLink(
        id=found.id, identity=found.identity, person=found.person, how=found.how, by=found.by, at=found.at
    )


async def channels(call: Call) -> web.Response:
    states = await call.desk.channels.states()
    return reply(models.ChannelAccounts(items=tuple(_account(each) for each in states)))


def _account(found: AccountState) -> models.ChannelAccount:
    return models.ChannelAccount(
        adapter=found.adapter,
        account=found.account,
        channel=found.channel,
        condition=found.condition,
        since=found.since,
        told_at=found.told_at,
        error=found.error,
        last_message_at=found.last_message_at,
        oldest_at=found.oldest_at,
    )
