"""Checked documents -> the domain's immutable ``Policy``. Called by ``config.loader`` once nothing is at fault.

The matrix and the plans are made in ``config.compile_plans``, kinds and catalog in ``config.compile_kinds``.
"""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import TypeVar

from config import calendars
from config.bundle import Bundle, placed
from config.compile_kinds import audience, entry, kind, kind_type
from config.compile_plans import plan, sla
from config.documents import Document
from config.letter_schema import USUAL, LetterDoc, LettersFile
from config.line_schema import LineDoc
from config.reaction_schema import ReactionDoc, ReactionsFile
from config.rule_schema import ConditionDoc, RulesFile
from config.schema import AdjustmentsDoc, AlertsDoc, FormDoc, MailFile, PolicyFile
from config.values import text
from domain.policy import (
    Adjustments,
    AlertPolicy,
    Assignment,
    CatalogEntry,
    Condition,
    FormPolicy,
    Group,
    IvrPolicy,
    Letter,
    LetterBudget,
    Line,
    MailPolicy,
    Policy,
    PriorityField,
    PriorityMatrix,
    Reaction,
    Rule,
    Severity,
)
from domain.ticket import Level, Priority

_V = TypeVar("_V")


def compiled(bundle: Bundle, rules_source: Document, revision: int) -> Policy:
    """Every file that must be there is there, and the lint found no error."""
    head = _there(bundle.policy)
    catalog, kinds, plans = _there(bundle.catalog), _there(bundle.kinds), _there(bundle.plans)
    return Policy(
        revision=revision,
        name=text(head.name),
        catalog=_by_key(entry(each, head.defaults.line) for each in placed(catalog)),
        audiences=_by_key(audience(key, each) for key, each in catalog.audiences.items()),
        kinds=_by_key(kind(key, each) for key, each in kinds.kinds.items()),
        types=_by_key(kind_type(key, each) for key, each in kinds.types.items()),
        lines=_by_key(_line(key, line) for key, line in _there(bundle.lines).lines.items()),
        plans=_by_key(plan(key, each) for key, each in plans.plans.items()),
        sla=sla(plans.sla),
        calendars=MappingProxyType(calendars.compiled_all(_there(bundle.calendars))),
        rules=tuple(_rules(_there(bundle.rules), rules_source)),
        reactions=tuple(_reaction(each) for each in (bundle.reactions or ReactionsFile(reactions=[])).reactions),
        matrix=_matrix(head),
        adjustments=_adjustments(head.adjustments),
        mail=_mail(_there(bundle.mail)),
        forms=_by_key(_form(slug, form) for slug, form in _there(bundle.forms).forms.items()),
        letters=_by_key(_letter(key, letter) for key, letter in _there(bundle.letters).letters.items()),
        skills=MappingProxyType({key: text(title) for key, title in head.skills.items()}),
        default_catalog=head.defaults.catalog,
        default_kind=head.defaults.kind,
        default_plan=head.defaults.plan,
        fallback_line=head.defaults.line,
        refused_catalog=head.defaults.refused,
        reopen_days=head.reopen_days,
        repeat_days=head.repeat_days,
        ping_pong=head.ping_pong,
        budget=_budget(_there(bundle.letters)),
        internal_pauses=head.internal_pauses,
        ivr=IvrPolicy(wait_s=head.ivr.wait),
        alerts=_alerts(head.alerts) if head.alerts is not None else None,
    )


def _there(part: _V | None) -> _V:
    assert part is not None, "compiled only when every file could be read"
    return part


def _by_key(values: Iterator[_V]) -> Mapping[str, _V]:
    """By the entity's own key, whatever the field is called."""
    return MappingProxyType({str(getattr(v, _key_field(v))): v for v in values})


def _key_field(value: object) -> str:
    return {CatalogEntry: "path", FormPolicy: "slug"}.get(type(value), "key")


def _matrix(head: PolicyFile) -> PriorityMatrix:
    cells = {
        (Level(impact), Level(urgency)): Priority(priority)
        for impact, row in head.matrix.items()
        for urgency, priority in row.items()
    }
    return PriorityMatrix(cells=MappingProxyType(cells))


def _adjustments(document: AdjustmentsDoc) -> Adjustments:
    return Adjustments(
        vip=document.vip,
        repeat=document.repeat,
        paid_field=document.paid_field,
        fields=tuple(
            PriorityField(
                name=each.name,
                impact=MappingProxyType({value: Level(level) for value, level in each.impact.items()}),
                urgency=MappingProxyType({value: Level(level) for value, level in each.urgency.items()}),
            )
            for each in document.fields
        ),
    )


def _alerts(document: AlertsDoc) -> AlertPolicy:
    return AlertPolicy(
        catalog=document.catalog,
        kind=document.kind,
        severities=MappingProxyType(
            {
                name: Severity(impact=Level(each.impact), urgency=Level(each.urgency))
                for name, each in document.severities.items()
            }
        ),
        resolved=document.resolved,
        link_within_s=document.link_within,
    )


def _line(key: str, line: LineDoc) -> Line:
    given = line.assignment
    return Line(
        key=key,
        order=line.order,
        title=text(line.title),
        calendar=line.calendar,
        groups=tuple(Group(key=group, title=text(title)) for group, title in line.groups.items()),
        stay_s=line.stay,
        writes_to_customers=line.writes_to_customers,
        assignment=Assignment(
            mode=given.mode,
            capacity=given.capacity,
            weights=MappingProxyType(
                {**Assignment().weights, **{Priority(name): weight for name, weight in given.weights.items()}}
            ),
            personal=given.personal,
            previous=given.previous,
            away=given.away,
        ),
        partner=line.partner,
        department=line.department,
        forwards_to=line.forwards_to,
        pauses=line.pauses,
    )


def _rules(file: RulesFile, source: Document) -> Iterator[Rule]:
    for index, rule in enumerate(file.rules):
        where = f"{source.file}:{source.line(('rules', index))}"
        yield Rule(key=rule.key, when=condition(rule.when), sets=MappingProxyType(rule.set.given()), where=where)


def condition(document: ConditionDoc) -> Condition:
    for op, children in document.branches():
        if children is not None:
            return Condition(op=op, children=tuple(condition(child) for child in children))
    op, value = next((op, value) for op, value in document.tests() if value is not None)
    values = tuple(value) if isinstance(value, list) else (value,)
    return Condition(op=op, field=document.field, values=values)


def _reaction(document: ReactionDoc) -> Reaction:
    return Reaction(
        key=document.key,
        on=document.on,
        targets=frozenset(document.targets),
        share=document.share,
        plans=frozenset(document.plans),
        priorities=frozenset(Priority(name) for name in document.priorities),
        types=frozenset(document.types),
        kinds=frozenset(document.kinds),
        lines=frozenset(document.lines),
        notify=frozenset(document.notify),
        raise_priority=document.raise_priority,
        escalate=document.escalate,
        escalate_to=document.escalate_to,
        reassign=document.reassign,
        mark=document.mark,
    )


def _mail(file: MailFile) -> MailPolicy:
    mail = file.mail
    return MailPolicy(
        domains=frozenset(mail.domains),
        addresses=frozenset(mail.addresses),
        catalogs=MappingProxyType(
            {address: entry.catalog for address, entry in mail.addresses.items() if entry.catalog is not None}
        ),
        authserv_ids=frozenset(each.lower() for each in mail.authserv_ids),
        sender_verification=mail.sender_verification,
        token_suffices=mail.token_suffices,
        public_domains=frozenset(mail.public_domains),
        max_size=mail.max_size,
    )


def _form(slug: str, form: FormDoc) -> FormPolicy:
    return FormPolicy(
        slug=slug,
        title=text(form.title),
        intro=text(form.intro),
        consent=text(form.consent),
        consent_version=form.consent_version,
        catalogs=tuple(form.catalogs),
        min_seconds=form.min_seconds,
        max_files=form.max_files,
        max_file_bytes=form.max_file_bytes,
        max_total_bytes=form.max_total_bytes,
        embed_origins=frozenset(form.embed_origins),
    )


def _budget(letters: LettersFile) -> LetterBudget:
    return LetterBudget(per_hour=letters.budget.per_hour, per_day=letters.budget.per_day)


def _letter(key: str, letter: LetterDoc) -> Letter:
    return Letter(
        key=key,
        subject=text(letter.subject),
        body=text(letter.body),
        enabled=letter.enabled,
        on=letter.on or USUAL.get(key),
        plans=frozenset(letter.plans),
        lines=frozenset(letter.lines),
        after_s=letter.after,
    )
