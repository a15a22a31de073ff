"""Receives the mail of one IMAP account: a mail is marked as seen, or moved, only after intake has it.

Arrives: new mails of the account's folders. Leaves: a ``Draft`` each for intake, with the untouched bytes. Called by
gateway's role ``imap``, one receiver an account, for as long as the process lives.

Failure policy:
- the order is accept, mark, bookmark: whatever is cut off in between is done again, and seen by its key to be a
  duplicate; nothing is marked that intake does not have;
- intake or the bookmarks are away: nothing is marked, and the same mails are tried again after a pause;
- a mail that is too large, that intake refuses for good, or that the server lists and does not hand out: it stays where
  it is, flagged ``$PriyomRefused`` where the server keeps such flags; it is logged, counted, and not tried again;
- the server is away, refuses us, or has fallen silent: the account is told to be failing, and is tried again after 1 s,
  then longer, at most 60 s; no other account notices;
- a new UIDVALIDITY: the folder is read from its beginning.
"""

import asyncio
import contextlib
import itertools
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any, Protocol

from channels.health import Health
from channels.imap.account import ImapAccount
from channels.imap.place import Place
from channels.imap.session import FolderFault, Session, SessionFault
from channels.imap.wire import Head, Mailbox
from domain.errors import Permanent, Temporary
from domain.ports import Bookmarks, Clock, Draft, Intake

ADAPTER = "imap"
REFUSED_FLAG = "$PriyomRefused"
_LONGEST_PAUSE = 60.0
_OUR_LONGEST_PAUSE = 15.0
_BYTES_AT_ONCE = 16 * 1024 * 1024
_TRIES = 3
"""So often a mail may not be handed out until it is passed over."""


class Log(Protocol):
    """The structured logger's part that is used here."""

    def info(self, event: str, **detail: Any) -> Any: ...
    def warning(self, event: str, **detail: Any) -> Any: ...
    def error(self, event: str, **detail: Any) -> Any: ...


class Pause:
    """Pauses between attempts: doubled each time up to the longest, and spread, so that accounts of one server do not
    come back all at once."""

    def __init__(self, longest: float) -> None:
        self._longest = longest
        self._next = 1.0

    def reset(self) -> None:
        self._next = 1.0

    async def take(self, stop: asyncio.Event) -> None:
        seconds = self._next * random.uniform(0.75, 1.25)  # noqa: S311 - nothing is guarded by it
        self._next = min(self._next * 2, self._longest)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(min(seconds, self._longest)):
                await stop.wait()


class ImapReceiver:
    """``refused`` counts what was refused, by its reason."""

    def __init__(
        self,
        account: str,
        settings: ImapAccount,
        intake: Intake,
        bookmarks: Bookmarks,
        health: Health,
        clock: Clock,
        log: Log,
        *,
        refused: Callable[[str], None] = lambda _reason: None,
    ) -> None:
        self._account = account
        self._settings = settings
        self._intake = intake
        self._bookmarks = bookmarks
        self._health = health
        self._clock = clock
        self._log = log
        self._refused = refused
        self._places: dict[str, Place] = {}
        self._kept: dict[str, Mapping[str, Any]] = {}

    async def run(self, stop: asyncio.Event) -> None:
        """Until ``stop``; the mails in hand are finished then."""
        pause = Pause(_LONGEST_PAUSE)
        while not stop.is_set():
            try:
                await self._visit(pause, stop)
            except SessionFault as fault:
                await self._fails(fault.reason)
            except Exception as error:  # whatever it is, neither the other accounts nor the front may end by it
                self._log.error("imap.broken", account=self._account, error=type(error).__name__)
                await self._fails(f"a fault of ours: {type(error).__name__}")
            await pause.take(stop)

    async def _fails(self, reason: str) -> None:
        self._log.warning("imap.failing", account=self._account, reason=reason)
        await self._health.failing(reason)

    async def _visit(self, pause: Pause, stop: asyncio.Event) -> None:
        """From signing in to the loss of the connection."""
        session = Session(self._settings)
        ours = Pause(_OUR_LONGEST_PAUSE)
        try:
            await session.open()
            if self._settings.move_to is not None:
                await session.ensure_folder(self._settings.move_to)
            self._log.info("imap.connected", account=self._account)
            while not stop.is_set():
                try:
                    await self._look(session, stop)
                except Temporary as fault:  # intake or the bookmarks: the mails wait where they are
                    self._log.warning("imap.postponed", account=self._account, reason=fault.reason)
                    await ours.take(stop)
                    continue
                pause.reset()
                ours.reset()
                await session.rest(self._settings.poll_s, stop, self._health.connected)
            await session.leave()
        finally:
            session.drop()

    async def _look(self, session: Session, stop: asyncio.Event) -> None:
        """Takes all that is there. The first folder is looked at last, so that IDLE watches it."""
        session.news.clear()
        trouble: FolderFault | None = None
        for folder in reversed(self._settings.folders):
            try:
                mailbox = await session.select(folder)
            except FolderFault as fault:  # told once the others are read
                trouble = fault
                continue
            await self._read(session, folder, mailbox, stop)
        if trouble is not None:
            raise trouble
        await self._health.connected()

    async def _read(self, session: Session, folder: str, mailbox: Mailbox, stop: asyncio.Event) -> None:
        place = await self._place(folder, mailbox)
        while not stop.is_set():
            waiting = place.waiting(await session.uids(above=place.uid, since=place.since))
            await self._remember(folder, place)
            if not waiting:
                return
            for start in range(0, len(waiting), self._settings.batch):
                await self._batch(session, folder, mailbox, place, waiting[start : start + self._settings.batch])
                if stop.is_set():
                    return

    async def _place(self, folder: str, mailbox: Mailbox) -> Place:
        place = self._places.get(folder)
        if place is None:
            kept = await self._bookmarks.bookmark(ADAPTER, self._account, folder)
            if kept is None:
                days = self._settings.since_days
                since = None if days is None else (self._clock.now() - timedelta(days=days)).date()
                place = Place(mailbox.validity, since=since)
            else:
                place = Place.from_bookmark(kept)
                self._kept[folder] = kept
        if place.validity != mailbox.validity:
            self._log.warning("imap.uidvalidity_changed", account=self._account, folder=folder)
            place = Place(mailbox.validity, since=place.since)
        self._places[folder] = place
        await self._remember(folder, place)
        return place

    async def _remember(self, folder: str, place: Place) -> None:
        if self._kept.get(folder) == place.bookmark:
            return
        await self._bookmarks.set_bookmark(ADAPTER, self._account, folder, place.bookmark, self._clock.now())
        self._kept[folder] = place.bookmark

    async def _batch(self, session: Session, folder: str, mailbox: Mailbox, place: Place, batch: Sequence[int]) -> None:
        """Some mails, by parts that are small enough for memory. Raises the first reason why one has to wait."""
        new = [uid for uid in batch if uid not in place.accepted]
        heads = await session.heads(new)
        oldest = min((head.at for head in heads.values() if head.at), default=None)
        await self._health.connected(oldest_at=oldest)
        large = [uid for uid in new if uid in heads and heads[uid].size > self._settings.max_size]
        for uid in large:
            self._refuse(folder, uid, "size", f"{heads[uid].size} bytes")
        breaking = [uid for uid in new if place.lost[uid] > _TRIES and uid not in large]
        for uid in breaking:
            self._refuse(folder, uid, "breaks", "the connection was lost whenever it was handed out")
        await self._flag_refused(session, mailbox, [*large, *breaking])
        place.settle([*large, *breaking], batch)
        rest = [uid for uid in batch if uid not in place.settled]
        for part in _parts(rest, heads):
            await self._take(session, folder, mailbox, place, part)
            await self._remember(folder, place)
        await self._remember(folder, place)

    async def _take(self, session: Session, folder: str, mailbox: Mailbox, place: Place, part: Sequence[int]) -> None:
        wanted = [uid for uid in part if uid not in place.accepted]
        bodies = await self._bodies(session, place, wanted)
        drafts = {uid: self._draft(folder, mailbox, uid, raw) for uid, raw in bodies.items()}
        outcomes = await asyncio.gather(
            *(self._accept(place, uid, draft) for uid, draft in drafts.items()), return_exceptions=True
        )
        refused = [uid for uid, outcome in zip(drafts, outcomes, strict=True) if isinstance(outcome, Permanent)]
        for uid, outcome in zip(drafts, outcomes, strict=True):
            if isinstance(outcome, Permanent):
                self._refuse(folder, uid, "intake", outcome.reason)
        later = [one for one in outcomes if isinstance(one, BaseException) and not isinstance(one, Permanent)]
        missing = [uid for uid in wanted if uid not in bodies]
        gone, unreadable, waits = await self._not_handed_out(session, folder, place, missing)
        taken = [uid for uid in part if uid in place.accepted]
        if taken:
            await self._mark(session, taken)
        await self._flag_refused(session, mailbox, [*refused, *unreadable])
        place.settle([*taken, *refused, *gone, *unreadable], part)
        if taken:
            self._log.info("imap.taken", account=self._account, folder=folder, mails=len(taken))
        if later or waits:
            await self._remember(folder, place)
            raise later[0] if later else Temporary("Not now", reason="the server does not hand out all of its mails")

    async def _bodies(self, session: Session, place: Place, uids: Sequence[int]) -> dict[int, bytes]:
        """A server that refuses them together is asked for each, and for those alone with which the connection was lost
        before: its neighbours are not to wait for a broken one."""
        together = [uid for uid in uids if uid not in place.lost]
        found = await self._fetched(session, place, together)
        if len(uids) > 1 or not together:
            for uid in [uid for uid in uids if uid not in found]:
                found.update(await self._fetched(session, place, [uid]))
        return {uid: found[uid] for uid in uids if uid in found}

    async def _fetched(self, session: Session, place: Place, uids: Sequence[int]) -> dict[int, bytes]:
        try:
            found = await session.bodies(uids)
        except SessionFault:
            place.lost.update(uids)
            raise
        for uid in uids:
            del place.lost[uid]
        return found

    async def _not_handed_out(
        self, session: Session, folder: str, place: Place, missing: Sequence[int]
    ) -> tuple[list[int], list[int], bool]:
        """Those that somebody has removed meanwhile, those that are given up, and whether others are to be tried
        again."""
        listed = await session.there(missing)
        place.tried.update(listed)
        unreadable = [uid for uid in missing if uid in listed and place.tried[uid] >= _TRIES]
        for uid in unreadable:
            self._refuse(folder, uid, "unreadable", "the server lists it and does not hand it out")
        return [uid for uid in missing if uid not in listed], unreadable, len(listed) > len(unreadable)

    def _draft(self, folder: str, mailbox: Mailbox, uid: int, raw: bytes) -> Draft:
        """No ``mail_from`` among what is known: an envelope sender that nobody saw is not the null sender. What the
        header says of it (Return-Path) is what there is."""
        return Draft(
            channel="email",
            account=self._account,
            adapter=ADAPTER,
            media_type="message/rfc822",
            raw=raw,
            meta={"folder": folder, "uid": uid, "uidvalidity": mailbox.validity},
        )

    async def _accept(self, place: Place, uid: int, draft: Draft) -> None:
        if len(draft.raw) > self._settings.max_size:  # the size that a server tells is not always the true one
            raise Permanent(f"The mail is larger than {self._settings.max_size} bytes")
        await self._intake.accept(draft)
        place.accepted.add(uid)
        self._health.took()

    async def _mark(self, session: Session, taken: Sequence[int]) -> None:
        """What is accepted and cannot be marked is marked at the next visit, without being taken again."""
        if self._settings.move_to is None:
            refusal = await session.flag(taken, r"\Seen")
        else:
            refusal = await session.move(taken, self._settings.move_to)
        if refusal:
            raise SessionFault(f"mails that were taken cannot be marked: {refusal}")

    async def _flag_refused(self, session: Session, mailbox: Mailbox, uids: Sequence[int]) -> None:
        if uids and mailbox.keywords and (refusal := await session.flag(uids, REFUSED_FLAG)):
            self._log.warning("imap.not_flagged", account=self._account, reason=refusal)

    def _refuse(self, folder: str, uid: int, why: str, reason: str) -> None:
        self._log.warning("imap.refused", account=self._account, folder=folder, uid=uid, why=why, reason=reason)
        self._refused(why)


def _parts(uids: Sequence[int], heads: Mapping[int, Head]) -> Iterator[list[int]]:
    """In order, each of so many bytes at most, or of a single mail."""
    sizes = itertools.accumulate(heads[uid].size if uid in heads else 0 for uid in uids)
    for _, part in itertools.groupby(zip(uids, sizes, strict=True), lambda one: one[1] // _BYTES_AT_ONCE):
        yield [uid for uid, _ in part]
