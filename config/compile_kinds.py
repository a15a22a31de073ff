"""Catalog entries, audiences and kinds, compiled. Called by ``config.compiler``."""

from collections.abc import Mapping
from types import MappingProxyType

from config.bundle import Placed
from config.catalog_schema import AudienceDoc, FieldDoc
from config.kind_schema import KindDoc, StageDoc, TypeDoc
from config.values import text
from domain.policy import (
    Audience,
    CatalogEntry,
    Check,
    Closing,
    Field,
    Kind,
    KindType,
    PassOn,
    Stage,
    Substatus,
)
from domain.status import Status
from domain.ticket import Level


def entry(place: Placed, fallback_line: str) -> CatalogEntry:
    """A retired entry is offered in no form, whatever it says."""
    return CatalogEntry(
        path=place.path,
        title=text(place.document.title),
        line=place.line or fallback_line,
        group=place.group,
        kind=place.kind,
        form=place.form and not place.document.retired,
        kinds=place.kinds,
        audiences=place.audience,
        fields=fields(place.fields),
        plans=MappingProxyType(dict(place.plans)),
        route=place.route,
        retired=place.document.retired,
        own=place.own,
    )


def audience(key: str, document: AudienceDoc) -> Audience:
    return Audience(
        key=key,
        title=text(document.title),
        segments=frozenset(document.segments),
        organizations=frozenset(document.organizations),
        groups=frozenset(document.groups),
        plans=frozenset(document.plans),
        domains=frozenset(document.domains),
    )


def kind_type(key: str, document: TypeDoc) -> KindType:
    return KindType(key=key, title=text(document.title), outside_quota=document.outside_quota)


def kind(key: str, document: KindDoc) -> Kind:
    return Kind(
        key=key,
        type=document.type,
        title=text(document.title),
        impact=Level(document.impact),
        urgency=Level(document.urgency),
        regulation=text(document.regulation),
        line=document.line,
        fields=fields(document.fields),
        stages=MappingProxyType({Status(status): _stage(stage) for status, stage in document.stages.items()}),
        pass_on=PassOn(
            needs=tuple(document.pass_on.needs),
            checks=tuple(document.pass_on.checks),
            statuses=frozenset(Status(status) for status in document.pass_on.statuses),
        ),
        lines=tuple(document.lines),
        closing=Closing(
            by=frozenset(document.closing.by), feedback=document.closing.feedback, after_s=document.closing.after
        ),
        skills=MappingProxyType(dict(document.skills)),
        internal_pauses=document.internal_pauses,
    )


def fields(documents: Mapping[str, FieldDoc]) -> tuple[Field, ...]:
    return tuple(
        Field(
            key=key,
            title=text(document.title),
            type=document.type,
            choices=MappingProxyType({value: text(title) for value, title in document.choices.items()}),
            required=document.required,
        )
        for key, document in documents.items()
    )


def _stage(document: StageDoc) -> Stage:
    return Stage(
        regulation=None if document.regulation is None else text(document.regulation),
        needs=tuple(document.needs),
        templates=tuple(document.templates),
        checklist=tuple(
            Check(key=key, title=text(each.title), required=each.required) for key, each in document.checklist.items()
        ),
        substatuses=tuple(
            Substatus(key=key, title=text(each.title), pauses=each.pauses) for key, each in document.substatuses.items()
        ),
    )
