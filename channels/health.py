"""How an account fares, told by whoever runs it: at once when that changes, else now and then."""

from dataclasses import replace
from datetime import datetime, timedelta

from domain.accounts import AccountCondition, AccountState
from domain.errors import Unavailable
from domain.ports import AccountBook, Clock

TOLD_EVERY = timedelta(seconds=15)
LAGS_AFTER = timedelta(minutes=5)
"""An account whose oldest untaken message has waited so long is lagging."""
_LONGEST_ERROR = 300


class Health:
    """Of one account. A database that is away keeps nobody from receiving: what could not be told is told next time."""

    def __init__(self, book: AccountBook, clock: Clock, *, adapter: str, account: str, channel: str) -> None:
        now = clock.now()
        self._book = book
        self._clock = clock
        self._told: datetime | None = None
        self._changed = False
        self.state = AccountState(
            adapter=adapter,
            account=account,
            channel=channel,
            condition="failing",
            since=now,
            told_at=now,
            error="has not been reached yet",
        )

    async def connected(self, *, oldest_at: datetime | None = None) -> None:
        """It is reached and serves us. ``oldest_at``: since when its oldest untaken message waits."""
        lags = oldest_at is not None and self._clock.now() - oldest_at > LAGS_AFTER
        await self._tell("lagging" if lags else "connected", oldest_at=oldest_at)

    async def failing(self, why: str) -> None:
        """``why`` for an operator: no password, no address of a person."""
        await self._tell("failing", error=why[:_LONGEST_ERROR], oldest_at=self.state.oldest_at)

    def took(self) -> None:
        """A message came or went just now; told with what is told next."""
        self.state = replace(self.state, last_message_at=self._clock.now())
        self._changed = True

    async def _tell(self, condition: AccountCondition, *, oldest_at: datetime | None, error: str = "") -> None:
        now = self._clock.now()
        news = (condition, error) != (self.state.condition, self.state.error)
        since = self.state.since if condition == self.state.condition else now
        self.state = replace(
            self.state, condition=condition, since=since, error=error, oldest_at=oldest_at, told_at=now
        )
        due = self._told is None or now - self._told >= TOLD_EVERY
        if not (news or due or (self._changed and now - (self._told or now) >= TOLD_EVERY / 15)):
            return
        try:
            await self._book.tell(self.state)
        except Unavailable:
            self._told = None
            return
        self._told, self._changed = now, False
