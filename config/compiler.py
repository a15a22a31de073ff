"""Checked documents -> the domain's immutable ``Policy``. Called by ``config.loader`` once nothing is at fault."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TypeVar

from config import calendars
from config.documents import Document
from config.rule_schema import ConditionDoc, RulesFile, TextDoc
from config.schema import (
    CalendarsFile,
    CatalogDoc,
    CatalogFile,
    FormDoc,
    FormsFile,
    KindsFile,
    LetterDoc,
    LettersFile,
    LineDoc,
    LinesFile,
    MailFile,
    PlanDoc,
    PlansFile,
    PolicyFile,
)
from domain.clocks import Target
from domain.policy import (
    CatalogEntry,
    Condition,
    FormPolicy,
    Goal,
    Group,
    Kind,
    Letter,
    Line,
    MailPolicy,
    Plan,
    Policy,
    PriorityMatrix,
    Rule,
    Text,
)
from domain.ticket import Level, Priority

_V = TypeVar("_V")


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """The files of a policy, read. A file that could not be read is None, and the lint says what it can without it."""

    policy: PolicyFile | None = None
    lines: LinesFile | None = None
    calendars: CalendarsFile | None = None
    plans: PlansFile | None = None
    catalog: CatalogFile | None = None
    kinds: KindsFile | None = None
    rules: RulesFile | None = None
    mail: MailFile | None = None
    forms: FormsFile | None = None
    letters: LettersFile | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """A catalog entry after inheritance; ``line`` None where neither it nor anything above names one."""

    path: str
    document: CatalogDoc
    line: str | None
    group: str | None
    kind: str | None
    form: bool


def placed(file: CatalogFile) -> Iterator[Placed]:
    """The catalog tree, parents first, with what each entry has from the entries above it."""
    yield from _below(file.catalog, Placed(path="", document=_ROOT, line=None, group=None, kind=None, form=True))


def _below(children: Mapping[str, CatalogDoc], parent: Placed) -> Iterator[Placed]:
    for key, document in children.items():
        line = document.line or parent.line
        # A group belongs to its line: an entry that goes to another line does not take the group along.
        inherited = parent.group if line == parent.line else None
        entry = Placed(
            path=f"{parent.path}/{key}" if parent.path else key,
            document=document,
            line=line,
            group=document.group or inherited,
            kind=document.kind or parent.kind,
            form=parent.form if document.form is None else document.form,
        )
        yield entry
        yield from _below(document.children, entry)


_ROOT = CatalogDoc(title=TextDoc(ru="—", en="—"))


def compiled(bundle: Bundle, rules_source: Document, revision: int) -> Policy:
    """Every file is there and the lint found no error."""
    head = _there(bundle.policy)
    return Policy(
        revision=revision,
        name=text(head.name),
        catalog=_by_key(
            CatalogEntry(
                path=entry.path,
                title=text(entry.document.title),
                line=entry.line or head.defaults.line,
                group=entry.group,
                kind=entry.kind,
                form=entry.form,
            )
            for entry in placed(_there(bundle.catalog))
        ),
        kinds=_kinds(_there(bundle.kinds)),
        lines=_by_key(_line(key, line) for key, line in _there(bundle.lines).lines.items()),
        plans=_by_key(_plan(key, plan) for key, plan in _there(bundle.plans).plans.items()),
        calendars=_by_key(calendars.compiled(key, each) for key, each in _there(bundle.calendars).calendars.items()),
        rules=tuple(_rules(_there(bundle.rules), rules_source)),
        matrix=PriorityMatrix(
            cells=MappingProxyType(
                {
                    (Level(impact), Level(urgency)): Priority(priority)
                    for impact, row in head.matrix.items()
                    for urgency, priority in row.items()
                }
            )
        ),
        mail=_mail(_there(bundle.mail)),
        forms=_by_key(_form(slug, form) for slug, form in _there(bundle.forms).forms.items()),
        letters=_by_key(_letter(key, letter) for key, letter in _there(bundle.letters).letters.items()),
        default_catalog=head.defaults.catalog,
        default_kind=head.defaults.kind,
        default_plan=head.defaults.plan,
        fallback_line=head.defaults.line,
        reopen_days=head.reopen_days,
        repeat_days=head.repeat_days,
    )


def text(document: TextDoc) -> Text:
    return Text(ru=document.ru.strip(), en=document.en.strip())


def _there(part: _V | None) -> _V:
    assert part is not None, "compiled only when every file could be read"
    return part


def _by_key(values: Iterator[_V]) -> Mapping[str, _V]:
    """By the entity's own key, whatever the field is called."""
    return MappingProxyType({str(getattr(v, _key_field(v))): v for v in values})


def _key_field(value: object) -> str:
    return {CatalogEntry: "path", FormPolicy: "slug"}.get(type(value), "key")


def _kinds(file: KindsFile) -> Mapping[str, Kind]:
    return _by_key(
        Kind(
            key=key,
            type=kind.type,
            title=text(kind.title),
            impact=Level(kind.impact),
            urgency=Level(kind.urgency),
            regulation=text(kind.regulation),
            line=kind.line,
        )
        for key, kind in file.kinds.items()
    )


def _line(key: str, line: LineDoc) -> Line:
    return Line(
        key=key,
        order=line.order,
        title=text(line.title),
        calendar=line.calendar,
        groups=tuple(Group(key=group, title=text(title)) for group, title in line.groups.items()),
        stay_s=line.stay,
        writes_to_customers=line.writes_to_customers,
    )


def _plan(key: str, plan: PlanDoc) -> Plan:
    targets: dict[Target, Mapping[str, int | None]] = {
        "first_response": {str(priority): goal for priority, goal in plan.targets.first_response.items()},
        "resolution": {str(priority): goal for priority, goal in plan.targets.resolution.items()},
    }
    return Plan(
        key=key,
        title=text(plan.title),
        calendar=plan.calendar,
        goals=MappingProxyType(
            {
                target: MappingProxyType(
                    {
                        Priority(priority): Goal(cell=f"{key}/{priority}", seconds=seconds)
                        for priority, seconds in row.items()
                    }
                )
                for target, row in targets.items()
            }
        ),
        raises_priority=plan.raises_priority,
        entitlements=tuple(text(entitlement) for entitlement in plan.entitlements),
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


def _letter(key: str, letter: LetterDoc) -> Letter:
    return Letter(key=key, subject=text(letter.subject), body=text(letter.body), enabled=letter.enabled)
