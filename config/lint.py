"""What the shape of the files cannot say: references, completeness, rules that never have their turn.

Called by ``config.loader`` with the files that could be read; a check that needs a file that could not is left out,
since every other answer would be a guess.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import pairwise
from string import Formatter
from typing import get_args

from config.calendars import holiday_faults
from config.compiler import Bundle, placed
from config.documents import Document
from config.problems import Path, Problem
from config.reachability import unreachable
from config.rule_schema import ConditionDoc, RuleDoc, TextDoc
from config.schema import CatalogDoc, LevelName, PriorityName, parse_days
from domain.policy import PLACEHOLDERS, REQUIRED_LETTERS

Fault = tuple[str, Path, str]
"""File, path, message."""

LEVELS = get_args(LevelName)
PRIORITIES = get_args(PriorityName)


def lint(bundle: Bundle, sources: Mapping[str, Document]) -> Iterator[Problem]:
    names = Names(bundle)
    for check in CHECKS:
        for file, path, message in check(bundle, names):
            yield sources[file].problem(path, message)
    for check in DOUBTS:
        for file, path, message in check(bundle, names):
            yield sources[file].problem(path, message, "warning")


class Names:
    """Every key that something may refer to; None where its file could not be read, and then nothing is unknown."""

    def __init__(self, bundle: Bundle) -> None:
        self.groups = {key: set(line.groups) for key, line in bundle.lines.lines.items()} if bundle.lines else None
        self.known: dict[str, set[str] | None] = {
            "line": set(self.groups) if self.groups is not None else None,
            "calendar": set(bundle.calendars.calendars) if bundle.calendars else None,
            "plan": set(bundle.plans.plans) if bundle.plans else None,
            "kind": set(bundle.kinds.kinds) if bundle.kinds else None,
            "catalog entry": {entry.path for entry in placed(bundle.catalog)} if bundle.catalog else None,
        }

    def unknown(self, what: str, key: str | None) -> str | None:
        """The fault of a reference, or None."""
        known = self.known[what]
        if key is None or known is None or key in known:
            return None
        return f"refers to an unknown {what}: {key}"

    def refer(self, file: str, path: Path, what: str, key: str | None) -> Iterator[Fault]:
        message = self.unknown(what, key)
        if message:
            yield file, path, message

    def group_fault(self, line: str | None, group: str | None) -> str | None:
        """A group must be the line's; where the line is left open, some line's."""
        if group is None or self.groups is None or (line is not None and line not in self.groups):
            return None
        homes = [line] if line is not None else list(self.groups)
        if any(group in self.groups[home] for home in homes):
            return None
        return f"refers to an unknown group of line {line}: {group}" if line else f"refers to an unknown group: {group}"


def _defaults(bundle: Bundle, names: Names) -> Iterator[Fault]:
    if bundle.policy is None:
        return
    defaults = bundle.policy.defaults
    for key, what in (("catalog", "catalog entry"), ("kind", "kind"), ("plan", "plan"), ("line", "line")):
        yield from names.refer("policy.yaml", ("defaults", key), what, getattr(defaults, key))
    for impact in LEVELS:
        row = bundle.policy.matrix.get(impact)
        if row is None:
            yield "policy.yaml", ("matrix",), f"has no row for impact {impact}"
            continue
        for urgency in LEVELS:
            if urgency not in row:
                yield "policy.yaml", ("matrix", impact), f"has no priority for impact {impact} and urgency {urgency}"


def _lines(bundle: Bundle, names: Names) -> Iterator[Fault]:
    orders: dict[int, str] = {}
    for key, line in bundle.lines.lines.items() if bundle.lines else ():
        yield from names.refer("lines.yaml", ("lines", key, "calendar"), "calendar", line.calendar)
        first = orders.setdefault(line.order, key)
        if first != key:
            yield "lines.yaml", ("lines", key, "order"), f"has the place of line {first}: {line.order}"


def _calendars(bundle: Bundle, names: Names) -> Iterator[Fault]:
    for key, calendar in bundle.calendars.calendars.items() if bundle.calendars else ():
        path: Path = ("calendars", key)
        if calendar.week and not any(calendar.week.values()):
            yield "calendars.yaml", (*path, "week"), "has no working hours at all"
        given: dict[int, str] = {}
        for days in calendar.week:
            for weekday in parse_days(days):
                if given.setdefault(weekday, days) != days:
                    yield "calendars.yaml", (*path, "week", days), f"says a day again that {given[weekday]} says"
        for part, rows in (("week", calendar.week), ("exceptions", calendar.exceptions)):
            for day, shifts in rows.items():
                ordered = sorted(shifts)
                if any(later[0] < sooner[1] for sooner, later in pairwise(ordered)):
                    yield "calendars.yaml", (*path, part, str(day)), "has shifts that overlap"
        if calendar.holidays is not None:
            for field, message in holiday_faults(calendar.holidays):
                yield "calendars.yaml", (*path, "holidays", field), message


def _plans(bundle: Bundle, names: Names) -> Iterator[Fault]:
    for key, plan in bundle.plans.plans.items() if bundle.plans else ():
        path: Path = ("plans", key)
        yield from names.refer("plans.yaml", (*path, "calendar"), "calendar", plan.calendar)
        rows = (("first_response", plan.targets.first_response), ("resolution", plan.targets.resolution))
        for target, row in rows:
            for priority in PRIORITIES:
                if priority not in row:
                    yield (
                        "plans.yaml",
                        (*path, "targets", target),
                        f"has no target for {priority}; none is a target too",
                    )


def _catalog(bundle: Bundle, names: Names) -> Iterator[Fault]:
    without_line: set[str] = set()
    for entry in placed(bundle.catalog) if bundle.catalog else ():
        path = _catalog_path(entry.path)
        yield from _catalog_references(entry.document, path, names)
        above = entry.path.rpartition("/")[0]
        if entry.line is None:
            without_line.add(entry.path)
            if above not in without_line:
                yield "catalog.yaml", path, "has no line, and no entry above it has one"
        message = names.group_fault(entry.line, entry.document.group)
        if message:
            yield "catalog.yaml", (*path, "group"), message


def _catalog_references(document: CatalogDoc, path: Path, names: Names) -> Iterator[Fault]:
    yield from names.refer("catalog.yaml", (*path, "line"), "line", document.line)
    yield from names.refer("catalog.yaml", (*path, "kind"), "kind", document.kind)


def _catalog_path(path: str) -> Path:
    first, *rest = path.split("/")
    return ("catalog", first, *(part for key in rest for part in ("children", key)))


def _kinds(bundle: Bundle, names: Names) -> Iterator[Fault]:
    for key, kind in bundle.kinds.kinds.items() if bundle.kinds else ():
        yield from names.refer("kinds.yaml", ("kinds", key, "line"), "line", kind.line)


def _rules(bundle: Bundle, names: Names) -> Iterator[Fault]:
    rules = bundle.rules.rules if bundle.rules else []
    first: dict[str, int] = {}
    for index, rule in enumerate(rules):
        path: Path = ("rules", index)
        if first.setdefault(rule.key, index) != index:
            yield "rules.yaml", (*path, "key"), f"is the key of an earlier rule too: {rule.key}"
        yield from _rule_references(rule, path, names)
    for index, message in unreachable(rules):
        yield "rules.yaml", ("rules", index), message


def _rule_references(rule: RuleDoc, path: Path, names: Names) -> Iterator[Fault]:
    sets = rule.set
    for key, what in (("catalog", "catalog entry"), ("kind", "kind"), ("line", "line")):
        yield from names.refer("rules.yaml", (*path, "set", key), what, getattr(sets, key))
    message = names.group_fault(sets.line, sets.group)
    if message:
        yield "rules.yaml", (*path, "set", "group"), message
    for where, leaf in _leaves(rule.when, (*path, "when")):
        if leaf.field == "catalog":
            for op, value in (("under", leaf.under), ("is", leaf.is_)):
                yield from names.refer(
                    "rules.yaml", (*where, op), "catalog entry", None if value is None else str(value)
                )
        if leaf.field == "plan" and leaf.is_ is not None:
            yield from names.refer("rules.yaml", (*where, "is"), "plan", str(leaf.is_))
        if leaf.field in ("catalog", "plan") and leaf.in_ is not None:
            what = "plan" if leaf.field == "plan" else "catalog entry"
            for place, value in enumerate(leaf.in_):
                yield from names.refer("rules.yaml", (*where, "in", place), what, str(value))


def _leaves(condition: ConditionDoc, path: Path) -> Iterator[tuple[Path, ConditionDoc]]:
    for op, children in condition.branches():
        for index, child in enumerate(children or ()):
            yield from _leaves(child, (*path, op, index))
    if condition.field is not None:
        yield path, condition


def _mail(bundle: Bundle, names: Names) -> Iterator[Fault]:
    if bundle.mail is None:
        return
    mail = bundle.mail.mail
    for address, entry in mail.addresses.items():
        path: Path = ("mail", "addresses", address)
        if address.rpartition("@")[2] not in mail.domains:
            yield "mail.yaml", path, "is not in one of our domains"
        yield from names.refer("mail.yaml", (*path, "catalog"), "catalog entry", entry.catalog)


def _forms(bundle: Bundle, names: Names) -> Iterator[Fault]:
    if bundle.forms is None:
        return
    if "default" not in bundle.forms.forms:
        yield "forms.yaml", ("forms",), "has no form default, and there is always one"
    for slug, form in bundle.forms.forms.items():
        for index, path in enumerate(form.catalogs):
            yield from names.refer("forms.yaml", ("forms", slug, "catalogs", index), "catalog entry", path)


def _letters(bundle: Bundle, names: Names) -> Iterator[Fault]:
    if bundle.letters is None:
        return
    for key in REQUIRED_LETTERS:
        if key not in bundle.letters.letters:
            yield "letters.yaml", ("letters",), f"has no letter {key}"
    for key, letter in bundle.letters.letters.items():
        for part, words in (("subject", letter.subject), ("body", letter.body)):
            yield from _placeholders(("letters", key, part), words)


def _doubtful_mail(bundle: Bundle, names: Names) -> Iterator[Fault]:
    if bundle.mail is None:
        return
    mail = bundle.mail.mail
    if mail.sender_verification == "required" and not mail.authserv_ids:
        message = "asks for a domain check, but no relay is named whose results are believed, so no mail will pass"
        yield "mail.yaml", ("mail", "sender_verification"), message
    for domain in mail.domains:
        if f"postmaster@{domain}" not in mail.addresses:
            yield "mail.yaml", ("mail", "addresses"), f"has no postmaster@{domain}, which every mail domain must take"


def _doubtful_forms(bundle: Bundle, names: Names) -> Iterator[Fault]:
    for slug, form in bundle.forms.forms.items() if bundle.forms else ():
        if form.max_file_bytes > form.max_total_bytes:
            yield "forms.yaml", ("forms", slug, "max_file_bytes"), "is more than all files together may have"


def _placeholders(path: Path, words: TextDoc) -> Iterator[Fault]:
    for language, text in (("ru", words.ru), ("en", words.en)):
        for name in _names_in(text):
            if name is None:
                yield "letters.yaml", (*path, language), "has a brace that is not closed; write a brace itself twice"
            elif name not in PLACEHOLDERS:
                known = ", ".join(sorted(PLACEHOLDERS))
                yield "letters.yaml", (*path, language), f"has an unknown placeholder {{{name}}}; there are {known}"


def _names_in(text: str) -> Iterable[str | None]:
    """Placeholders of a text, [None] where its braces do not pair."""
    try:
        parts = list(Formatter().parse(text))
    except ValueError:
        return [None]
    # A format or conversion (``{name:>9}``, ``{name!r}``) is no plain placeholder, so it is shown and refused whole.
    return [
        name + (f"!{conversion}" if conversion else "") + (f":{spec}" if spec else "")
        for _, name, spec, conversion in parts
        if name is not None
    ]


CHECKS: tuple[Callable[[Bundle, Names], Iterator[Fault]], ...] = (
    _defaults,
    _lines,
    _calendars,
    _plans,
    _catalog,
    _kinds,
    _rules,
    _mail,
    _forms,
    _letters,
)

DOUBTS: tuple[Callable[[Bundle, Names], Iterator[Fault]], ...] = (_doubtful_mail, _doubtful_forms)
"""What compiles, and is hardly meant."""
