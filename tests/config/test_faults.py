"""Broken policies: each fault is named with its file, line and key, and every fault at once."""

from pathlib import Path

import pytest

from config.loader import SAMPLE, Documents, check, compile_policy, load_folder
from config.problems import PolicyInvalid, Problem

GOOD = load_folder(SAMPLE)


def changed(file: str, old: str, new: str) -> Documents:
    """The sample with one passage replaced."""
    assert GOOD[file].count(old) == 1, f"{old!r} is in {file} {GOOD[file].count(old)} times"
    return {**GOOD, file: GOOD[file].replace(old, new)}


def line_of(documents: Documents, file: str, text: str) -> int:
    """Where a passage stands, counted from 1."""
    before, found, _ = documents[file].partition(text)
    assert found, f"{text!r} is not in {file}"
    return before.count("\n") + 1


# file, what is replaced, by what, passage on the line at fault, key, what the message says
TABLE = [
    # the shape
    ("policy.yaml", "reopen_days: 14", "reopen_days: soon", "reopen_days", "reopen_days", "must be a whole number"),
    ("policy.yaml", "reopen_days: 14", "reopen_day: 14", "reopen_day", "reopen_day", "is not a known key"),
    ("policy.yaml", "  line: first\n", "", "defaults:", "defaults.line", "is missing"),
    (
        "policy.yaml",
        "  plan: standard",
        "  plan: standard\n  plan: premium",
        "  plan: premium",
        "defaults.plan",
        "twice",
    ),
    ("policy.yaml", "low: p3}\n  low", "low: p9}\n  low", "low: p9", "matrix.medium.low", "'p1'"),
    ("plans.yaml", "p1: 15m", "p1: 2d", "p1: 2d", "plans.premium.targets.first_response.p1", "is not a duration"),
    ("plans.yaml", "p1: 15m", "p1: 0m", "p1: 0m", "plans.premium.targets.first_response.p1", "is not a duration"),
    ("plans.yaml", "p1: 15m", "p1: 15", "p1: 15,", "plans.premium.targets.first_response.p1", "is not a duration"),
    ("lines.yaml", "stay: 2h", "stay: -2h", "stay: -2h", "lines.first.stay", "is not a duration"),
    (
        "lines.yaml",
        "{ru: Первая линия, en: First line}",
        "{ru: Первая линия}",
        "Первая",
        "lines.first.title.en",
        "trans",
    ),
    ("lines.yaml", "en: First line}", 'en: " "}', "Первая", "lines.first.title.en", "pattern"),
    ("calendars.yaml", "zone: Europe/Moscow", "zone: Europe/Moskva", "Moskva", "calendars.moscow.zone", "time zone"),
    ("calendars.yaml", "mon-fri:", "monday:", "monday", "calendars.moscow.week.monday", "is not a day"),
    ("calendars.yaml", '["09:00-18:00"]', '["9-18"]', '"9-18"', "calendars.moscow.week.mon-fri[0]", "is not a shift"),
    (
        "calendars.yaml",
        '["09:00-18:00"]',
        '["09:00-25:00"]',
        "25:00",
        "calendars.moscow.week.mon-fri[0]",
        "time of day",
    ),
    (
        "calendars.yaml",
        "2026-12-31: closed",
        "2026-02-30: closed",
        "02-30",
        "calendars.moscow.exceptions.2026-02-30",
        "date",
    ),
    (
        "calendars.yaml",
        "always: true",
        "always: true\n    zone: UTC\n    week: {mon: closed}",
        "  always:",
        "calendars.always",
        "always open",
    ),
    (
        "kinds.yaml",
        "impact: high\n    urgency: high",
        "urgency: high",
        "  outage:",
        "kinds.outage.impact",
        "is missing",
    ),
    (
        "mail.yaml",
        "sender_verification: when_present",
        "sender_verification: maybe",
        "maybe",
        "mail.sender_verification",
        "'required'",
    ),
    (
        "mail.yaml",
        "postmaster@example.org",
        "Postmaster@Example.org",
        "Postmaster",
        "mail.addresses.Postmaster@Example.org",
        "pattern",
    ),
    (
        "rules.yaml",
        "{field: channel, is: email}",
        "{field: chanel, is: email}",
        "chanel",
        "rules[1].when.all[1]",
        "unknown field chanel",
    ),
    (
        "rules.yaml",
        "{field: channel, is: email}",
        "{field: channel}",
        "{field: channel}",
        "rules[1].when.all[1]",
        "has 0",
    ),
    (
        "rules.yaml",
        "{field: channel, is: email}",
        "{is: email}",
        "{is: email}",
        "rules[1].when.all[1]",
        "names no field",
    ),
    (
        "rules.yaml",
        "{field: channel, is: alert}",
        "{field: channel, words: [a]}",
        "words: [a]",
        "rules[2].when",
        "looks for words in channel",
    ),
    ("rules.yaml", "set: {catalog: general/monitoring}", "set: {}", "set: {}", "rules[2].set", "sets nothing"),
    # references
    ("policy.yaml", "plan: standard", "plan: gold", "gold", "defaults.plan", "unknown plan: gold"),
    ("policy.yaml", "kind: how-to", "kind: howto", "howto", "defaults.kind", "unknown kind: howto"),
    (
        "policy.yaml",
        "catalog: general/other",
        "catalog: other",
        "catalog: other",
        "defaults.catalog",
        "unknown catalog entry",
    ),
    ("policy.yaml", "line: first", "line: zeroth", "zeroth", "defaults.line", "unknown line: zeroth"),
    ("lines.yaml", "calendar: always", "calendar: never", "never", "lines.first.calendar", "unknown calendar: never"),
    ("lines.yaml", "order: 3", "order: 2", None, "lines.third.order", "place of line second"),
    (
        "plans.yaml",
        "calendar: moscow",
        "calendar: kazan",
        "kazan",
        "plans.standard.calendar",
        "unknown calendar: kazan",
    ),
    (
        "catalog.yaml",
        "kind: sync-failure",
        "kind: sync",
        "kind: sync}",
        "catalog.field.children.sync.kind",
        "unknown kind",
    ),
    (
        "catalog.yaml",
        "group: field",
        "group: sales",
        "group: sales",
        "catalog.field.group",
        "unknown group of line first",
    ),
    ("catalog.yaml", "    line: first\n    group: field", "    form: true", "  field:", "catalog.field", "has no line"),
    (
        "kinds.yaml",
        "urgency: medium\n    line: second\n    regulation:\n      ru: |\n        1. Отвечает",
        "urgency: medium\n    line: expert\n    regulation:\n      ru: |\n        1. Отвечает",
        "line: expert",
        "kinds.consultation.line",
        "unknown line",
    ),
    (
        "rules.yaml",
        "set: {catalog: field/routes}",
        "set: {catalog: field/route}",
        "field/route}",
        "rules[14].set.catalog",
        "unknown catalog entry: field/route",
    ),
    (
        "rules.yaml",
        "set: {kind: complaint}",
        "set: {kind: complaint, group: nobody}",
        "nobody",
        "rules[6].set.group",
        "unknown group: nobody",
    ),
    (
        "rules.yaml",
        "{field: catalog, under: accounting}",
        "{field: catalog, under: books}",
        "books",
        "rules[32].when.all[0].under",
        "unknown catalog entry: books",
    ),
    ("rules.yaml", "key: figures-words", "key: fault-words", None, "rules[31].key", "earlier rule"),
    (
        "mail.yaml",
        "{catalog: account/billing}",
        "{catalog: billing}",
        "{catalog: billing}",
        "mail.addresses.billing@example.org.catalog",
        "unknown catalog",
    ),
    (
        "mail.yaml",
        "support@example.org: {}",
        "support@example.net: {}",
        "example.net",
        "mail.addresses.support@example.net",
        "our domains",
    ),
    (
        "forms.yaml",
        "catalogs: [field, field/sync,",
        "catalogs: [field, field/sinc,",
        "sinc",
        "forms.field.catalogs[1]",
        "unknown catalog entry",
    ),
    # completeness
    ("policy.yaml", "  low: {high: p3, medium: p3, low: p4}\n", "", "matrix:", "matrix", "no row for impact low"),
    (
        "policy.yaml",
        "low: {high: p3, medium: p3, low: p4}",
        "low: {high: p3, low: p4}",
        "low: {high",
        "matrix.low",
        "urgency medium",
    ),
    (
        "plans.yaml",
        "{p1: 15m, p2: 30m, p3: 2h, p4: 4h}",
        "{p1: 15m, p2: 30m, p4: 4h}",
        "15m",
        "plans.premium.targets.first_response",
        "no target for p3",
    ),
    ("forms.yaml", "  default:", "  main:", "forms:", "forms", "no form default"),
    ("letters.yaml", "  resolution:", "  solved:", "letters:", "letters", "no letter resolution"),
    (
        "calendars.yaml",
        'mon-fri: ["09:00-18:00"]',
        "mon-fri: closed",
        "week:",
        "calendars.moscow.week",
        "no working hours",
    ),
    # what contradicts itself
    (
        "calendars.yaml",
        'mon-fri: ["09:00-18:00"]',
        'mon-fri: ["09:00-18:00"]\n      wed: closed',
        "wed:",
        "calendars.moscow.week.wed",
        "says a day again",
    ),
    (
        "calendars.yaml",
        '["09:00-18:00"]',
        '["09:00-18:00", "17:00-20:00"]',
        "mon-fri",
        "calendars.moscow.week.mon-fri",
        "overlap",
    ),
    ("calendars.yaml", "country: RU", "country: ZZ", "ZZ", "calendars.moscow.holidays.country", "not a country"),
    (
        "calendars.yaml",
        "country: RU",
        "country: DE\n      subdivision: XX",
        "XX",
        "calendars.moscow.holidays.subdivision",
        "not a part of DE",
    ),
    (
        "calendars.yaml",
        "country: RU",
        "country: RU\n      years: [2030, 2026]",
        "years",
        "calendars.moscow.holidays.years",
        "first and the last",
    ),
    (
        "letters.yaml",
        'ru: "[{number}] Мы получили',
        'ru: "[{nummer}] Мы получили',
        "nummer",
        "letters.acknowledgement.subject.ru",
        "{nummer}",
    ),
    (
        "letters.yaml",
        'en: "[{number}] We have',
        'en: "[{number] We have',
        "[{number] We",
        "letters.acknowledgement.subject.en",
        "not closed",
    ),
    (
        "letters.yaml",
        'en: "[{number}] We have',
        'en: "[{number.real}] We have',
        "number.real",
        "letters.acknowledgement.subject.en",
        "{number.real}",
    ),
    (
        "letters.yaml",
        'en: "[{number}] We have',
        'en: "[{number:>9}] We have',
        "number:>9",
        "letters.acknowledgement.subject.en",
        "{number:>9}",
    ),
]


@pytest.mark.parametrize(("file", "old", "new", "at", "key", "says"), TABLE, ids=[f"{r[4]}-{r[5]}" for r in TABLE])
def test_a_fault_is_named_with_file_line_and_key(
    file: str, old: str, new: str, at: str | None, key: str, says: str
) -> None:
    documents = changed(file, old, new)
    problems = check(documents)
    assert [(p.file, p.key, p.severity) for p in problems] == [(file, key, "error")]
    assert says in problems[0].message
    if at is not None:
        assert problems[0].line == line_of(documents, file, at)
    with pytest.raises(PolicyInvalid) as refused:
        compile_policy(documents, 1)
    assert refused.value.problems == problems


def problem(file: str, line: int, key: str, message: str) -> Problem:
    return Problem(file=file, line=line, key=key, message=message)


def test_every_fault_of_every_file_is_named_at_once() -> None:
    documents = {
        **changed("policy.yaml", "plan: standard", "plan: gold"),
        "mail.yaml": GOOD["mail.yaml"].replace("max_size: 26214400", "max_size: big"),
        "lines.yaml": GOOD["lines.yaml"].replace("order: 1", "order: 0").replace("stay: 2h", "stay: 2d"),
        "extra.yaml": "a: 1",
    }
    del documents["forms.yaml"]
    assert [(p.file, p.key) for p in check(documents)] == [
        ("extra.yaml", ""),
        ("forms.yaml", ""),
        ("lines.yaml", "lines.first.order"),
        ("lines.yaml", "lines.first.stay"),
        ("mail.yaml", "mail.max_size"),
        ("policy.yaml", "defaults.plan"),
    ]


def test_a_file_that_cannot_be_read_does_not_make_every_reference_unknown() -> None:
    documents = {**GOOD, "lines.yaml": "lines: [", "kinds.yaml": "- a\n"}
    assert [(p.file, p.line, p.key) for p in check(documents)] == [("kinds.yaml", 1, ""), ("lines.yaml", 1, "")]


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("", 1, "is empty"),
        ("# nothing but a comment\n", 1, "is empty"),
        ("policy: [1, 2\nname: x", 2, "is not YAML"),
        ("a: &x [1]\nb: *x", 2, "repeats an anchor"),
        ("a: &x\n  b: *x", 2, "repeats an anchor"),
        ("a: \x07", 1, "is not YAML"),
    ],
)
def test_text_that_is_no_policy_is_refused_with_its_line(text: str, line: int, says: str) -> None:
    problems = check({**GOOD, "policy.yaml": text})
    assert any(p.file == "policy.yaml" and p.line == line and says in p.message for p in problems), problems


def test_deep_nesting_is_refused_and_not_followed() -> None:
    problems = check({**GOOD, "rules.yaml": "rules: " + "[" * 200 + "]" * 200})
    assert "is nested too deeply" in {p.message for p in problems}


RULE = "  - key: {key}\n    when: {when}\n    set: {{{sets}}}\n"


def with_rules(*rules: tuple[str, str, str]) -> Documents:
    text = "rules:\n" + "".join(RULE.format(key=key, when=when, sets=sets) for key, when, sets in rules)
    return {**GOOD, "rules.yaml": text}


WORDS = "{field: text, words: [a, b]}"


@pytest.mark.parametrize(
    ("earlier", "later"),
    [
        ((WORDS, "kind: outage"), (WORDS, "kind: login")),
        (("{all: []}", "kind: outage"), (WORDS, "kind: login")),
        ((WORDS, "kind: outage"), ("{field: text, words: [b]}", "kind: login")),
        ((WORDS, "kind: outage"), (f"{{all: [{WORDS}, {{field: channel, is: email}}]}}", "kind: login")),
        (("{field: channel, in: [email, form]}", "kind: outage"), ("{field: channel, is: Email}", "kind: login")),
        (("{all: []}", "kind: outage, line: first"), (WORDS, "kind: login, line: second")),
        ((f"{{none: [{WORDS}]}}", "kind: outage"), (f"{{none: [{WORDS}]}}", "kind: login")),
    ],
)
def test_a_rule_that_never_has_its_turn_is_refused(earlier: tuple[str, str], later: tuple[str, str]) -> None:
    documents = with_rules(("one", *earlier), ("two", *later))
    message = "rule two is never reached: what it sets is set before by one"
    assert check(documents) == (problem("rules.yaml", 5, "rules[1]", message),)


def test_two_rules_together_may_take_the_turn_of_a_third() -> None:
    documents = with_rules(
        ("one", WORDS, "kind: outage"), ("two", WORDS, "line: first"), ("three", WORDS, "kind: login, line: second")
    )
    message = "rule three is never reached: what it sets is set before by one, two"
    assert check(documents) == (problem("rules.yaml", 8, "rules[2]", message),)


@pytest.mark.parametrize(
    ("earlier", "later"),
    [
        ((WORDS, "kind: outage"), (WORDS, "line: second")),
        ((WORDS, "kind: outage"), ("{field: text, words: [b, c]}", "kind: login")),
        (("{field: text, words: [a]}", "kind: outage"), ("{field: subject, words: [a]}", "kind: login")),
        (("{field: catalog, under: field}", "kind: outage"), ("{field: catalog, under: field}", "kind: login")),
        ((f"{{all: [{WORDS}, {{field: channel, is: email}}]}}", "kind: outage"), (WORDS, "kind: login")),
        ((f"{{none: [{WORDS}]}}", "kind: outage"), (WORDS, "kind: login")),
    ],
)
def test_a_rule_that_may_have_its_turn_is_left_alone(earlier: tuple[str, str], later: tuple[str, str]) -> None:
    assert check(with_rules(("one", *earlier), ("two", *later))) == ()


def test_a_folder_without_policy_files_is_refused(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "absent"):
        with pytest.raises(PolicyInvalid) as refused:
            load_folder(folder)
        assert refused.value.problems == (problem(str(folder), 0, "", "holds no policy files"),)


def test_a_file_in_another_encoding_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "policy.yaml").write_bytes("name: Приём".encode("cp1251"))
    with pytest.raises(PolicyInvalid) as refused:
        load_folder(tmp_path)
    assert [p.file for p in refused.value.problems] == ["policy.yaml"]


def test_a_problem_reads_as_an_editor_expects_it() -> None:
    assert str(problem("rules.yaml", 12, "rules[2].set", "sets nothing")) == "rules.yaml:12: rules[2].set: sets nothing"
    assert str(problem("rules.yaml", 0, "", "is missing")) == "rules.yaml: is missing"


@pytest.mark.parametrize(
    ("file", "old", "new", "at", "key", "says"),
    [
        (
            "mail.yaml",
            "authserv_ids: [mx.example.org]\n  sender_verification: when_present",
            "sender_verification: required",
            "sender_verification",
            "mail.sender_verification",
            "no mail will pass",
        ),
        ("mail.yaml", "    postmaster@example.org: {}\n", "", "addresses:", "mail.addresses", "postmaster@example.org"),
        (
            "forms.yaml",
            "max_file_bytes: 20971520",
            "max_file_bytes: 26214401",
            "max_file_bytes",
            "forms.default.max_file_bytes",
            "more than all files",
        ),
    ],
)
def test_what_is_hardly_meant_is_a_warning_and_compiles(
    file: str, old: str, new: str, at: str, key: str, says: str
) -> None:
    documents = changed(file, old, new)
    problems = check(documents)
    assert [(p.file, p.line, p.key, p.severity) for p in problems] == [
        (file, line_of(documents, file, at), key, "warning")
    ]
    assert says in problems[0].message
    assert compile_policy(documents, 3).revision == 3


@pytest.mark.parametrize(
    ("years", "says"),
    [("2026", "must be a list"), ("[2026]", "is missing"), ("[2026, 2027, 2028]", "has too many items")],
)
def test_years_are_a_pair(years: str, says: str) -> None:
    problems = check(changed("calendars.yaml", "country: RU", f"country: RU\n      years: {years}"))
    assert [(p.file, p.severity) for p in problems] == [("calendars.yaml", "error")]
    assert problems[0].key.startswith("calendars.moscow.holidays.years")
    assert says in problems[0].message
