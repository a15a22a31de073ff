"""What differs between two policies, in the words of the files; and the catalog after inheritance, written out."""

import pytest

from config.diff import SORTS, Change, Detail, differences
from config.effective import effective_catalog
from config.loader import check, compile_policy, read_policy
from tests.config.test_broken import BASE

OLD = read_policy(BASE)


def changed(file: str, *edits: tuple[str, str]) -> tuple[Change, ...]:
    """What is different once passages of one file are replaced."""
    text = BASE[file]
    for old, new in edits:
        assert text.count(old) == 1, f"{old!r} is in {file} {text.count(old)} times"
        text = text.replace(old, new)
    return differences(OLD, read_policy({**BASE, file: text}))


def test_a_policy_does_not_differ_from_itself_however_it_is_written() -> None:
    assert differences(OLD, OLD) == ()
    same = ("order: 1\n", "order: 1  # the first\n    writes_to_customers: true\n"), ("stay: 2h", "stay: 120m")
    assert changed("lines.yaml", *same) == ()


def one(sort: str, key: str, *details: tuple[str, str | None, str | None]) -> tuple[Change, ...]:
    found = tuple(Detail(key=name, old=old, new=new) for name, old, new in details)
    return (Change(sort=sort, key=key, what="changed", details=found),)


@pytest.mark.parametrize(
    ("file", "old", "new", "expected"),
    [
        ("policy.yaml", "ping_pong: 4", "ping_pong: 5", one("policy", "", ("ping_pong", "4", "5"))),
        ("lines.yaml", "stay: 2h", "stay: 90m", one("line", "first", ("stay", "2h", "1h30m"))),
        ("lines.yaml", "    stay: 2h\n", "", one("line", "first", ("stay", "2h", None))),
        (
            "plans.yaml",
            "p1: 4h, p2: 12h",
            "p1: 4h, p2: none",
            one("plan", "premium", ("targets.resolution.p2", "12h", "none")),
        ),
        ("plans.yaml", "line_stay: 8h", "line_stay: 9h", one("sla cell", "second-stay", ("line_stay", "8h", "9h"))),
        (
            "catalog.yaml",
            "segments: [internal]",
            "segments: [partner]",
            one("audience", "staff", ("segments", "[internal]", "[partner]")),
        ),
        ("kinds.yaml", "after: 24h", "after: 36h", one("kind", "outage", ("closing.after", "24h", "36h"))),
        (
            "kinds.yaml",
            "outside_quota: true",
            "outside_quota: false",
            one("type", "defect", ("outside_quota", "true", "false")),
        ),
        ("mail.yaml", "26214400", "1048576", one("mail", "", ("max_size", "26214400", "1048576"))),
        (
            "forms.yaml",
            "[field, field/sync]",
            "[field]",
            one("form", "field", ("catalogs", "[field, field/sync]", "[field]")),
        ),
        ("letters.yaml", "en: Solved", "en: Done", one("letter", "resolution", ("subject.en", "Solved", "Done"))),
        ("reactions.yaml", "mark: late", "mark: overdue", one("reaction", "overdue", ("mark", "late", "overdue"))),
        (
            "rules.yaml",
            "words: [маршрут, route]",
            "words: [route]",
            one(
                "rule",
                "routes",
                (
                    "when",
                    '{"field": "text", "words": ["маршрут", "route"]}',
                    '{"field": "text", "words": ["route"]}',
                ),
            ),
        ),
    ],
)
def test_a_changed_key_is_named_with_what_it_was_and_is(
    file: str, old: str, new: str, expected: tuple[Change, ...]
) -> None:
    assert changed(file, (old, new)) == expected


def test_calendars_are_compared_by_their_dates() -> None:
    assert changed("calendars.yaml", ("2026-12-31: closed", '2026-12-29: ["22:00-06:00"]')) == one(
        "calendar",
        "moscow",
        ("2026-12-29", None, "22:00-06:00"),
    )


def test_a_working_day_before_a_holiday_that_gets_its_full_hours_back_is_a_date_that_differs() -> None:
    (calendar, *_) = changed("calendars.yaml", ("    shorter_before_holidays: 1h\n", ""))
    dates = {detail.key: (detail.old, detail.new) for detail in calendar.details}
    assert dates.pop("shorter_before_holidays") == ("1h", None)
    assert dates["2026-11-03"] == ("09:00-17:00", None)
    assert set(dates.values()) <= {("09:00-17:00", None), ("09:00-17:00", "09:00-18:00")}


def test_what_a_catalog_entry_inherits_is_a_change_of_its_own() -> None:
    found = changed("catalog.yaml", ("line: first\n    group: field", "line: second\n    group: operations"))
    assert [(c.sort, c.key, [(d.key, d.old, d.new) for d in c.details]) for c in found] == [
        ("catalog entry", path, [("line", "first", "second"), ("group", "field", "operations")])
        for path in ("field", "field/sync")
    ]


def test_what_comes_and_goes_is_named_by_its_key() -> None:
    assert changed(
        "catalog.yaml", ("      other: {", "      feedback: {title: {ru: Отзыв, en: Feedback}}\n      other: {")
    ) == (Change(sort="catalog entry", key="general/feedback", what="added"),)
    assert changed("plans.yaml", ("  - key: second-stay", "  - key: second")) == (
        Change(sort="sla cell", key="second", what="added"),
        Change(sort="sla cell", key="second-stay", what="removed"),
    )


def test_a_rule_that_stands_elsewhere_is_moved_and_the_others_are_not() -> None:
    rules = BASE["rules.yaml"]
    start, end = rules.index("  - key: routes"), rules.index("  - key: reporting-down")
    text = rules.replace(rules[start:end], "").replace("rules:\n", "rules:\n" + rules[start:end])
    place = Detail(key="place", old="4", new="1")
    assert differences(OLD, read_policy({**BASE, "rules.yaml": text})) == (
        Change(sort="rule", key="routes", what="moved", details=(place,)),
    )


def test_a_new_file_is_all_added() -> None:
    without = {file: text for file, text in BASE.items() if file != "reactions.yaml"}
    found = differences(read_policy(without), OLD)
    assert {(c.sort, c.what) for c in found} == {("reaction", "added")}
    assert {c.sort for c in differences(OLD, read_policy(without))} <= set(SORTS)


def test_the_effective_catalog_says_what_is_inherited_and_from_whom() -> None:
    assert OLD.catalog is not None
    written = effective_catalog(OLD.catalog)
    lines = [line.strip() for line in written.splitlines()]
    assert "group: accounting # from accounting" in lines
    assert "kinds: [how-to, outage] # from accounting/reporting" in lines
    assert "audience: [everybody] # overrides [payers, staff]" in lines
    assert "line: second # overrides first" in lines
    assert "version: {title: {ru: Версия, en: Version}, required: true} # from accounting" in lines
    assert "retired: true" in lines


def test_the_effective_catalog_is_a_catalog_that_means_the_same() -> None:
    assert OLD.catalog is not None
    documents = {**BASE, "catalog.yaml": effective_catalog(OLD.catalog)}
    assert check(documents) == ()
    assert differences(OLD, read_policy(documents)) == ()
    same = compile_policy(documents, 1).catalog
    assert {path: entry.line for path, entry in same.items()} == {
        path: entry.line for path, entry in compile_policy(BASE, 1).catalog.items()
    }
