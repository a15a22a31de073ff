"""The way of one message, put together from what the raw log, the ledger and the store know of it."""

from collections.abc import Sequence

from domain.errors import NotFound, Permanent
from domain.ids import format_number
from domain.views import Scope, TraceStep
from gateway import codec
from gateway.bus import Bus
from gateway.reconciler import envelope_of
from gateway.topology import INTAKE
from gateway.wiring import House, spool_folder

_EVERYTHING = Scope(reader="trace", lines=None, admin=True)


async def trace(house: House, envelope: str) -> Sequence[TraceStep]:
    """Stages in order. Raises ``NotFound`` for an id that nothing knows."""
    steps = [*await _accepted(house, envelope), *await _settled(house, envelope)]
    if not steps:
        raise NotFound(f"{envelope}: no message of this id was accepted here")
    return steps


async def _accepted(house: House, envelope: str) -> Sequence[TraceStep]:
    folder = spool_folder(house.settings)
    if folder is not None and any(folder.glob(f"*/*.{envelope}.*")):
        return [TraceStep(stage="spool", at=None, outcome="waiting", detail={"for": "bus"})]
    found = await _raw(house.bus, envelope)
    if found is None:
        return []
    sequence, payload = found
    try:
        known = codec.decode_envelope(payload)
    except Permanent as fault:
        return [TraceStep(stage="intake", at=None, outcome="unreadable", detail={"reason": fault.reason})]
    detail = {"channel": known.channel, "adapter": known.adapter, "size": known.size, "sequence": sequence}
    return [TraceStep(stage="intake", at=known.received_at, outcome="accepted", detail=detail)]


async def _raw(bus: Bus, envelope: str) -> tuple[int, bytes] | None:
    state = await bus.stream_state(INTAKE)
    async for batch in bus.traces(INTAKE, state.first, state.last):
        for step in batch:
            if envelope_of(INTAKE, step) == envelope:
                payload = await bus.read(INTAKE, step.sequence)
                return None if payload is None else (step.sequence, payload)
    return None


async def _settled(house: House, envelope: str) -> Sequence[TraceStep]:
    line = await house.database.books.line(envelope)
    if line is None:
        return [TraceStep(stage="ledger", at=None, outcome="in_flight")] if await _raw(house.bus, envelope) else []
    detail = {"reason": line["reason"]} if line["reason"] else {}
    if line["number"] is None:
        return [TraceStep(stage="ledger", at=line["at"], outcome=line["outcome"], detail=detail)]
    number = line["number"]
    steps = [
        TraceStep(
            stage="router", at=line["at"], outcome=line["outcome"], detail={**detail, "ticket": format_number(number)}
        )
    ]
    ticket = await house.database.views.ticket(_EVERYTHING, number)
    facts = [entry for entry in ticket.history if entry.detail.get("message") or entry.fact.startswith("ticket.")]
    steps += [TraceStep(stage="history", at=f.at, outcome=f.fact, detail=f.detail) for f in facts]
    return steps
