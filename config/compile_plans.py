"""Plans and the cells of the SLA matrix, compiled. Called by ``config.compiler``."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Literal

from config.plan_schema import PlanDoc, QuotaDoc, SlaDoc
from config.values import PriorityName, text
from domain.clocks import Target
from domain.policy import Goal, Plan, Quota, SlaCell
from domain.ticket import Priority

Row = Mapping[PriorityName, int | Literal["none"]]


def plan(key: str, document: PlanDoc) -> Plan:
    targets = document.targets
    rows: dict[Target, Row] = {
        "first_response": targets.first_response,
        "next_response": targets.first_response if targets.next_response is None else targets.next_response,
        "resolution": targets.resolution,
    }
    return Plan(
        key=key,
        title=text(document.title),
        calendar=document.calendar,
        goals=MappingProxyType({target: _row(key, document, row) for target, row in rows.items()}),
        raises_priority=document.raises_priority,
        entitlements=tuple(text(entitlement) for entitlement in document.entitlements),
        contacts=document.contacts,
        channels=frozenset(document.channels),
        quota=None if document.quota is None else _quota(document.quota),
        personal_engineer=document.personal_engineer,
        paid_raise=document.paid_raise,
    )


def _row(key: str, document: PlanDoc, row: Row) -> Mapping[Priority, Goal]:
    warn = tuple(document.warn)
    return MappingProxyType(
        {
            Priority(priority): Goal(
                cell=f"{key}/{priority}",
                seconds=None if goal == "none" else goal,
                warn=warn,
                on_change=document.on_change,
            )
            for priority, goal in row.items()
        }
    )


def _quota(document: QuotaDoc) -> Quota:
    return Quota(requests=document.requests, hours=document.hours, over=document.over, lower_to=document.lower_to)


def sla(documents: Iterable[SlaDoc]) -> tuple[SlaCell, ...]:
    """The most specific first; those of one weight as they stand in the file."""
    return tuple(sorted((cell(document) for document in documents), key=lambda each: each.weight, reverse=True))


def cell(document: SlaDoc) -> SlaCell:
    return SlaCell(
        key=document.key,
        plans=frozenset(document.plans),
        priorities=frozenset(Priority(name) for name in document.priorities),
        types=frozenset(document.types),
        kinds=frozenset(document.kinds),
        lines=frozenset(document.lines),
        goals=MappingProxyType(
            {
                target: Goal(
                    cell=document.key, seconds=seconds, warn=tuple(document.warn), on_change=document.on_change
                )
                for target, seconds in document.targets().items()
            }
        ),
    )
