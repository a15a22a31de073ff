"""The telephone calls of a batch: their events gathered, and each call decided on once. Called by ``router.service``.

Arrives: the batch and its view of the store. Leaves: the effects of each call's events, what its ticket has become by
them, and what is to be kept of it. A call is one ticket, whatever comes of it in whatever order: until there are words,
or the wait is over, its events are parked.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from domain.calls import CallKept, KnownCall
from domain.commands import Actor
from domain.effects import Appended, Changed, Effect, Opened, Suppressed
from domain.facts import TicketClassified
from domain.message import RELEASED, Message
from domain.status import Status
from domain.ticket import KnownTicket, TicketState
from router.act import classify_anew
from router.batch import BatchView
from router.calls import (
    DOUBTS,
    SUPERSEDED,
    bearing,
    call_of,
    merged,
    news,
    place,
    said,
    standing,
    ticket_fields,
    waits_for,
)
from router.decide import decide
from router.enact import BY, enact
from router.known import Known
from router.setting import Setting
from router.setting import said as about
from router.verdict import Open, Withhold

_LATER = "more is known of the call"
_PREVIEW = 640


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """The events of one call in a batch. ``places`` and ``came``: where they stand there, and they; ``call``: what the
    store has of it, ``others``: calls without a ticket that have turned out to be the same."""

    places: tuple[int, ...]
    came: tuple[Message, ...]
    call: KnownCall | None
    others: tuple[KnownCall, ...]
    ticket: KnownTicket | None
    overdue: bool

    @property
    def known(self) -> tuple[Message, ...]:
        """What came before."""
        mine = self.call.events if self.call else ()
        return (*mine, *(event for each in self.others for event in each.events))

    @property
    def events(self) -> tuple[Message, ...]:
        found = {event.envelope_id: event for event in (*self.known, *sorted(self.came, key=place))}
        return tuple(found.values())

    @property
    def waits_for(self) -> str:
        """ "" where it makes a ticket now."""
        if self.overdue or any(RELEASED in event.flags for event in self.came):
            return ""
        return waits_for(self.events)

    @property
    def opens(self) -> bool:
        return self.ticket is None and not self.waits_for


class CallBatch:
    """``kept``: what the unit of work is to keep; ``changes``: what became of tickets that were there before."""

    def __init__(self, messages: Sequence[Message], view: BatchView, setting: Setting, *, overdue: bool) -> None:
        """``overdue``: the messages are what ``UnitOfWork.overdue_calls`` gave."""
        self._view = view
        self._setting = replace(setting, actor=Actor(id=BY), workers=view.workers)
        self._overdue = overdue
        self._at: dict[int, Group] = {}
        if any(message.call is not None for message in messages):
            self._at = {index: group for group in self._grouped(messages) for index in group.places}
        self.kept: list[CallKept] = []
        self.changes: list[Changed] = []

    def at(self, index: int) -> Group | None:
        """The call that is decided on at a place of the batch: where the first of its events stands."""
        group = self._at.get(index)
        return group if group is not None and group.places[0] == index else None

    def has(self, index: int) -> bool:
        """Whether the event there is decided on with its call."""
        return index in self._at

    def will_open(self) -> int:
        return sum(group.opens for index, group in self._at.items() if index == group.places[0])

    def settle(self, group: Group, number: int, states: dict[int, TicketState]) -> list[Effect]:
        """Decides on one call. ``number`` is used where it makes a ticket."""
        why = group.waits_for
        if group.ticket is not None:
            effects = self._appended(group, group.ticket, states)
        else:
            effects = self._parked(group, why) if why else self._opened(group, number)
        return effects

    def postpone(self, group: Group | None) -> None:
        """An overdue call that could not be decided: it is tried again when it has waited once more."""
        if group is not None and group.overdue:
            self._keep(group, (), wait=True)

    def _grouped(self, messages: Sequence[Message]) -> Iterator[Group]:
        taken = dict(self._first_ones(messages))
        names = _Names()
        for message in taken.values():
            names.join(call_of(message).keys)
        for call in self._view.calls.values():
            names.join(sorted(call.keys))
        together: dict[str, list[int]] = {}
        for index, message in taken.items():
            together.setdefault(names.of(call_of(message).keys[0]), []).append(index)
        for name, places in together.items():
            calls = [call for call in self._view.calls.values() if names.of(min(call.keys)) == name]
            group = self._group(places, [taken[index] for index in places], calls)
            if not self._overdue or self._still_overdue(group):
                yield group

    def _first_ones(self, messages: Sequence[Message]) -> Iterator[tuple[int, Message]]:
        """Events that are neither duplicates nor settled; what is released or overdue is settled anew."""
        seen: set[str] = set()
        for index, message in enumerate(messages):
            if message.call is None or message.envelope_id in seen or message.key in seen:
                continue
            if not self._overdue:
                known = self._view.came_before(message) and RELEASED not in message.flags
                if known or self._view.is_handled(message):
                    continue
            seen |= {message.envelope_id, message.key}
            yield index, message

    def _group(self, places: list[int], came: list[Message], calls: list[KnownCall]) -> Group:
        ticketed = [call for call in calls if self._view.ticket(call.number) is not None]
        waiting = [call for call in calls if call.number is None]
        call = min(ticketed, key=lambda c: c.number or 0, default=None) or min(
            waiting, key=lambda c: c.id, default=None
        )
        held = self._view.ticket(call.number) if call else None
        return Group(
            places=tuple(places),
            came=tuple(came),
            call=call,
            others=tuple(each for each in waiting if each is not call),
            ticket=held or next(filter(None, map(self._view.conversation, came)), None),
            overdue=self._overdue,
        )

    def _still_overdue(self, group: Group) -> bool:
        """Another process may have made its ticket meanwhile, or more has come of it."""
        until = group.call.wait_until if group.call else None
        return group.ticket is None and until is not None and until <= self._setting.now

    def _parked(self, group: Group, why: str) -> list[Effect]:
        self._keep(group, (), wait=True)
        return [Suppressed(message=message, reason=why) for message in group.came]

    def _opened(self, group: Group, number: int) -> list[Effect]:
        setting, events = self._setting, group.events
        lead = (
            group.came[0] if group.overdue else max(group.came, key=lambda e: (RELEASED in e.flags, said(e), place(e)))
        )
        message = merged(events, lead)
        known = replace(self._view.known(message), first=None, conversations=())
        verdict = decide(message, known, setting.policy, setting.now)
        if isinstance(verdict, Withhold):
            self._keep(group, (), wait=False)
            return [] if group.overdue else [Suppressed(message=e, reason=verdict.reason) for e in group.came]
        effect = enact(
            verdict, message, number=number, policy=setting.policy, state=None, ids=setting.ids, now=setting.now
        )
        assert isinstance(effect, Opened), "nothing else is left"
        effect = replace(effect, ticket=replace(effect.ticket, fields=ticket_fields(message)))
        ticket = KnownTicket(
            number=number,
            status=effect.ticket.status,
            line=effect.ticket.line,
            requester=effect.author,
            participants=frozenset({effect.author}),
        )
        parked, words = {event.envelope_id for event in group.known}, standing(events)
        effects: list[Effect] = [effect]
        for event in events:
            if event.envelope_id == lead.envelope_id:
                continue
            lost = said(event) and event not in words
            if lost or event.envelope_id not in parked:
                effects.append(self._joined(event, ticket, superseded=lost, silent=not lost))
        self._keep(group, group.known, number=number)
        return effects

    def _appended(self, group: Group, ticket: KnownTicket, states: dict[int, TicketState]) -> list[Effect]:
        had = list(group.call.events) if group.call and group.call.number is not None else []
        before = merged(had, had[-1]) if had else None
        parked = tuple(event for event in group.known if event not in had)
        effects: list[Effect] = []
        was = before
        for event in sorted((*parked, *group.came), key=place):
            had.append(event)
            after = merged(had, event)
            passing = call_of(event).event == "transcript" and call_of(event).transcript_status in (
                "pending",
                "partial",
            )
            silent = not said(event) and (passing or (was is not None and news(was) == news(after)))
            was = after
            if not silent or event not in parked:
                lost = said(event) and event not in standing(had)
                effects.append(self._joined(event, ticket, superseded=lost, silent=silent))
        assert was is not None, "a group has an event"
        state = states.get(ticket.number)
        touched = group.call is None or group.call.touched
        preview = None
        if state is not None:
            changed = self._changed(state, before, was, touched=touched)
            if changed.after != changed.before or changed.facts:
                states[ticket.number] = changed.after
                self.changes.append(changed)
            if _may_change(state, touched) and (before is None or before.text != was.text):
                preview = was.text[:_PREVIEW]
        self._keep(group, parked, number=ticket.number, preview=preview)
        return effects

    def _joined(self, event: Message, ticket: KnownTicket, *, superseded: bool, silent: bool) -> Appended:
        message = replace(event, flags=(*event.flags, SUPERSEDED)) if superseded else event
        known = replace(self._view.known(message), first=None, conversations=(ticket,))
        setting = self._setting
        verdict = decide(message, known, setting.policy, setting.now)
        effect = enact(verdict, message, number=0, policy=setting.policy, state=None, ids=setting.ids, now=setting.now)
        assert isinstance(effect, Appended), "an event of a call that has a ticket joins it"
        return replace(effect, silent=True, facts=()) if silent else effect

    def _changed(self, state: TicketState, before: Message | None, now: Message, *, touched: bool) -> Changed:
        """The ticket once more is known. What people have put into its fields stays."""
        fields = _filled(state.fields, ticket_fields(before) if before else {}, ticket_fields(now))
        if not _may_change(state, touched):
            return self._with_fields(state, fields)
        anew = before is not None and bearing(before) == bearing(now)
        changed = self._with_fields(state, fields) if anew else self._classified(state, now, fields)
        doubts = [flag for flag in now.flags if flag in DOUBTS]
        flags = (*(flag for flag in changed.after.flags if flag not in DOUBTS), *doubts)
        return replace(changed, after=replace(changed.after, subject=now.subject, flags=flags))

    def _classified(self, state: TicketState, message: Message, fields: Mapping[str, Any]) -> Changed:
        known: Known = self._view.known(message)
        earlier = tuple(each for each in known.earlier if each.number != state.number)
        known = replace(known, first=None, conversations=(), earlier=earlier)
        verdict = decide(message, known, self._setting.policy, self._setting.now)
        if not isinstance(verdict, Open):
            return self._with_fields(state, fields)
        # Whoever it was opened for, unless somebody has been told apart since, is the caller that is known now.
        return classify_anew(state, verdict, fields, _LATER, self._setting)

    def _with_fields(self, state: TicketState, fields: Mapping[str, Any]) -> Changed:
        named = sorted(name for name, value in fields.items() if state.fields.get(name) != value)
        if not named:
            return Changed(before=state, after=state, facts=())
        fact = TicketClassified(
            **about(state, self._setting), line=state.line, changed={"fields": named}, because=_LATER
        )
        return Changed(before=state, after=replace(state, fields=fields), facts=(fact,))

    def _keep(
        self,
        group: Group,
        gathered: Iterable[Message],
        *,
        number: int | None = None,
        wait: bool = False,
        preview: str | None = None,
    ) -> None:
        setting, old = self._setting, {event.envelope_id for event in group.known}
        known = [each for each in (group.call, *group.others) if each is not None]
        keys = {key for event in group.came for key in call_of(event).keys} | {
            key for each in known for key in each.keys
        }
        self.kept.append(
            CallKept(
                id=group.call.id if group.call else setting.ids.new(),
                account=group.came[0].account,
                keys=tuple(sorted(keys)),
                events=tuple(_slim(e) for e in sorted(group.came, key=place) if e.envelope_id not in old),
                number=number,
                wait_until=setting.now + timedelta(seconds=setting.policy.ivr.wait_s) if wait else None,
                revision=max((call_of(event).revision for event in standing(group.events)), default=0),
                absorbed=tuple(each.id for each in group.others),
                gathered=tuple(gathered),
                preview=preview,
            )
        )


class _Names:
    """Which keys name the same thing."""

    def __init__(self) -> None:
        self._above: dict[str, str] = {}

    def of(self, key: str) -> str:
        while (above := self._above.get(key, key)) != key:
            key = above
        return key

    def join(self, keys: Sequence[str]) -> None:
        for key in keys:
            self._above.setdefault(key, key)
            self._above[self.of(key)] = self.of(keys[0])


def _may_change(state: TicketState, touched: bool) -> bool:
    return not touched and state.status is not Status.CLOSED


def _filled(held: Mapping[str, Any], before: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, Any]:
    """``held`` with what is new, but for what somebody has changed since."""
    return {**held, **{name: value for name, value in now.items() if held.get(name) == before.get(name)}}


def _slim(event: Message) -> Message:
    """Words that are not final are of no use later."""
    if call_of(event).transcript_status not in ("pending", "partial"):
        return event
    return replace(event, text="", call=replace(call_of(event), segments=()))
