"""Faults of whole files and of rules, every one at once; single faults are in the folder ``broken``."""

from pathlib import Path

import pytest

from config.loader import Documents, check, compile_policy, load_folder
from config.problems import PolicyInvalid, Problem

GOOD = load_folder(Path(__file__).parent / "base")


def changed(file: str, old: str, new: str) -> Documents:
    """The base policy with one passage replaced."""
    assert GOOD[file].count(old) == 1, f"{old!r} is in {file} {GOOD[file].count(old)} times"
    return {**GOOD, file: GOOD[file].replace(old, new)}


def line_of(documents: Documents, file: str, text: str) -> int:
    """Where a passage stands, counted from 1."""
    before, found, _ = documents[file].partition(text)
    assert found, f"{text!r} is not in {file}"
    return before.count("\n") + 1


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
        ((WORDS, "kind: outage"), (WORDS, "kind: how-to")),
        (("{all: []}", "kind: outage"), (WORDS, "kind: how-to")),
        ((WORDS, "kind: outage"), ("{field: text, words: [b]}", "kind: how-to")),
        ((WORDS, "kind: outage"), (f"{{all: [{WORDS}, {{field: channel, is: email}}]}}", "kind: how-to")),
        (("{field: channel, in: [email, form]}", "kind: outage"), ("{field: channel, is: Email}", "kind: how-to")),
        (("{all: []}", "kind: outage, line: first"), (WORDS, "kind: how-to, line: second")),
        ((f"{{none: [{WORDS}]}}", "kind: outage"), (f"{{none: [{WORDS}]}}", "kind: how-to")),
    ],
)
def test_a_rule_that_never_has_its_turn_is_refused(earlier: tuple[str, str], later: tuple[str, str]) -> None:
    documents = with_rules(("one", *earlier), ("two", *later))
    message = "rule two is never reached: what it sets is set before by one"
    assert check(documents) == (problem("rules.yaml", 5, "rules[1]", message),)


def test_two_rules_together_may_take_the_turn_of_a_third() -> None:
    documents = with_rules(
        ("one", WORDS, "kind: outage"), ("two", WORDS, "line: first"), ("three", WORDS, "kind: how-to, line: second")
    )
    message = "rule three is never reached: what it sets is set before by one, two"
    assert check(documents) == (problem("rules.yaml", 8, "rules[2]", message),)


@pytest.mark.parametrize(
    ("earlier", "later"),
    [
        ((WORDS, "kind: outage"), (WORDS, "line: second")),
        ((WORDS, "kind: outage"), ("{field: text, words: [b, c]}", "kind: how-to")),
        (("{field: text, words: [a]}", "kind: outage"), ("{field: subject, words: [a]}", "kind: how-to")),
        (("{field: catalog, under: field}", "kind: outage"), ("{field: catalog, under: field}", "kind: how-to")),
        ((f"{{all: [{WORDS}, {{field: channel, is: email}}]}}", "kind: outage"), (WORDS, "kind: how-to")),
        ((f"{{none: [{WORDS}]}}", "kind: outage"), (WORDS, "kind: how-to")),
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
