"""``priyom policy due``: the golden table of due times, and what the command says and refuses.

The table was worked out by hand from the calendars, row by row; it is never written by the program. Its times are on
the clock of the target's calendar, with the offset where that clock is moved. A time of arrival without an offset is on
the clock of the plan's calendar.
"""

import csv
import json
import re
import shutil
from dataclasses import replace
from datetime import date, datetime
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from config.loader import SAMPLE, compile_policy, load_folder
from domain.businesstime import Calendar
from domain.errors import Permanent
from gateway.cli import app
from gateway.commands.due import case_of, promises

TARGETS = ("first_response", "next_response", "resolution", "line_stay")
GOLDEN = Path(__file__).parent / "due_golden.csv"
NIGHTS = """
  berlin-night:
    zone: Europe/Berlin
    week:
      mon-sun: ["22:00-06:00"]
"""
PLAN = """
  {key}:
    title: {{ru: {key}, en: {key}}}
    calendar: {calendar}
    targets:
      first_response: {{p1: {first[0]}h, p2: {first[1]}h, p3: {first[2]}h, p4: {first[3]}h}}
      resolution: {{p1: {solved[0]}, p2: {solved[1]}, p3: {solved[2]}, p4: none}}
"""
PLANS = (
    ("abroad", "berlin", (1, 2, 4, 8), ("4h", "9h", "18h")),
    ("nightly", "night", (1, 2, 4, 8), ("8h", "16h", "none")),
    ("berlin-nights", "berlin-night", (1, 4, 8, 16), ("9h", "none", "none")),
    ("sun", "follow-the-sun", (1, 2, 8, 17), ("17h", "34h", "none")),
)
"""Plans by calendars that no plan of the sample has: key, calendar, first response by priority, resolution."""


@pytest.fixture(autouse=True)
def _quiet(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    # Logs would be bound to the runner's output, which is closed when other tests write to them.
    monkeypatch.setattr("gateway.commands.common.logs.configure", lambda *_, **__: None)
    monkeypatch.delenv("PRIYOM_DATA_DIR", raising=False)
    monkeypatch.delenv("PRIYOM_DATABASE_URL", raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample, with the plans above."""
    copy = Path(shutil.copytree(SAMPLE, tmp_path_factory.mktemp("due") / "policy"))
    plans = "".join(PLAN.format(key=k, calendar=c, first=first, solved=solved) for k, c, first, solved in PLANS)
    for file, old, added in (("plans.yaml", "\nsla:\n", plans), ("calendars.yaml", "\n  berlin:\n", NIGHTS)):
        text = (copy / file).read_text(encoding="utf-8")
        assert text.count(old) == 1
        (copy / file).write_text(text.replace(old, added + old), encoding="utf-8")
    return copy


def due(*words: str, code: int = 0) -> Result:
    done = CliRunner().invoke(app, ["policy", "due", *words])
    assert done.exit_code == code, (done.output, done.exception)
    return done


def asked(*words: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(due(*words, "--json").output)
    return found


def rows() -> list[dict[str, str]]:
    with GOLDEN.open(encoding="utf-8", newline="") as file:
        return [row for row in csv.DictReader(file) if not row["plan"].startswith("#")]


def options(row: dict[str, str]) -> list[str]:
    return [word for key in ("plan", "priority", "kind", "line", "at") if row[key] for word in (f"--{key}", row[key])]


@pytest.mark.parametrize("row", rows(), ids=lambda row: "-".join(row[k] for k in ("plan", "priority", "kind", "at")))
def test_a_target_is_due_when_the_calendar_says(row: dict[str, str], folder: Path) -> None:
    found = {each["target"]: each for each in asked(str(folder), *options(row))["targets"]}
    shown = {target: _shown(found[target], row[target]) for target in TARGETS}
    assert shown == {target: row[target] for target in TARGETS}, row["why"]
    for each in found.values():
        if each["due_at"]:
            assert datetime.fromisoformat(each["due_at"]) == datetime.fromisoformat(each["due_local"])


def _shown(target: dict[str, Any], like: str) -> str:
    """In the form that the table has it: seconds where there are any, the offset where it is named."""
    if target["due_local"] is None:
        return str(target["goal"])
    due_at = datetime.fromisoformat(target["due_local"])
    clock = due_at.strftime("%H:%M:%S").removesuffix(":00")
    offset = due_at.isoformat()[-6:] if like[-6:-5] in ("+", "-") else ""
    return f"{due_at:%Y-%m-%d} {clock}{offset}"


def test_the_table_has_every_plan_and_calendar() -> None:
    table = rows()
    assert len(table) >= 100
    assert {key for key, _ in groupby(sorted(row["plan"] for row in table))} == {
        "standard", "extended", "premium", "full-sla", "hda", "internal", *(plan[0] for plan in PLANS)
    }  # fmt: skip
    assert len({tuple(options(row)) for row in table}) == len(table)


def test_each_target_says_its_cell_its_calendar_and_when_it_runs() -> None:
    found = asked("--at", "2026-11-03 18:30", "--kind", "cash-register-down")
    targets = found.pop("targets")
    assert found == {
        "policy": "sample",
        "plan": "standard",
        "priority": "p1",
        "because": "impact high and urgency high of kind cash-register-down",
        "kind": "cash-register-down",
        "line": "first",
        "at": "2026-11-03T15:30:00Z",
        "at_local": "2026-11-03T18:30:00+03:00",
        "zone": "Europe/Moscow",
        "zone_assumed": True,
    }
    opens = {"opens_at": "2026-11-05T06:00:00Z", "opens_local": "2026-11-05T09:00:00+03:00"}
    moscow = {"calendar": "moscow", "zone": "Europe/Moscow", **opens}
    half = {"share": 50, "at": "2026-11-05T06:07:30Z", "local": "2026-11-05T09:07:30+03:00"}
    most = {"share": 80, "at": "2026-11-05T06:12:00Z", "local": "2026-11-05T09:12:00+03:00"}
    assert targets[0] == {
        "target": "first_response",
        "goal": "15 min",
        "goal_s": 900,
        "cell": "cash-register",
        **moscow,
        "due_at": "2026-11-05T06:15:00Z",
        "due_local": "2026-11-05T09:15:00+03:00",
        "warnings": [half, most],
    }
    assert [(each["target"], each["cell"], each["goal"]) for each in targets[1:]] == [
        ("next_response", "cash-register", "30 min"),
        ("resolution", "cash-register-solved", "8 h"),
        ("line_stay", "standstill-first-line", "15 min"),
    ]
    assert targets[3]["warnings"] == [
        {"share": 50, "at": "2026-11-03T15:37:30Z", "local": "2026-11-03T15:37:30Z"},
    ]


@pytest.mark.parametrize(
    ("words", "cells"),
    [
        ("--priority p3", ("standard/p3", "standard/p3", "standard/p3", "line/first")),
        ("--plan premium", ("premium/p3", "premium/p3", "premium/p3", "line/first")),
        ("--plan premium --kind outage", (*("outage-premium",) * 3, "standstill-first-line")),
        ("--plan premium --kind late-answer --line second", (*("complaint-premium",) * 2, "premium/p1", "line/second")),
        ("--kind defect --priority p4 --line third", (*("standard/p4",) * 3, "defect-next-release")),
        ("--kind problem", ("problem", "standard/p3", "problem", "problem")),
        ("--plan internal --kind it-new-starter", ("newcomer", "internal/p3", "newcomer", "line/it-department")),
        ("--plan full-sla --kind phishing", (*("security",) * 2, "full-sla/p2", "security-first-line")),
    ],
)
def test_the_cell_of_the_matrix_is_named(words: str, cells: tuple[str, ...]) -> None:
    found = asked("--at", "2026-11-23 10:00", *words.split())
    assert tuple(each["cell"] for each in found["targets"]) == cells


def test_what_is_not_promised_is_said_and_has_no_times() -> None:
    (_, _, resolution, _) = asked("--at", "2026-11-23T10:00Z")["targets"]
    assert resolution == {
        "target": "resolution",
        "goal": "none",
        "goal_s": None,
        "cell": "standard/p4",
        "calendar": "moscow",
        "zone": "Europe/Moscow",
        **dict.fromkeys(("opens_at", "opens_local", "due_at", "due_local")),
        "warnings": [],
    }


def test_for_people_it_says_the_same() -> None:
    said = due("--at", "2026-11-20 17:59").output.splitlines()
    assert said[:10] == [
        "sample: plan standard, priority p4, kind how-to, line first",
        "priority p4: impact low and urgency low of kind how-to",
        "at Fri 2026-11-20 17:59:00+03:00 = 2026-11-20T14:59:00Z (Europe/Moscow, the zone of the plan's calendar)",
        "",
        "first response  8 h (28800 s), cell standard/p4",
        "  calendar      moscow, Europe/Moscow",
        "  runs from     Fri 2026-11-20 17:59:00+03:00 = 2026-11-20T14:59:00Z",
        "  50 %          Mon 2026-11-23 12:59:00+03:00 = 2026-11-23T09:59:00Z",
        "  80 %          Mon 2026-11-23 15:23:00+03:00 = 2026-11-23T12:23:00Z",
        "  due           Mon 2026-11-23 16:59:00+03:00 = 2026-11-23T13:59:00Z",
    ]
    assert "resolution      none, cell standard/p4" in said
    raised = due("--at", "2026-11-20T17:59Z", "--plan", "premium").output.splitlines()
    assert raised[1:3] == [
        "priority p3: impact low and urgency low of kind how-to give p4, which plan premium raises",
        "at Fri 2026-11-20 17:59:00+00:00 = 2026-11-20T17:59:00Z (UTC)",
    ]


def test_the_example_of_the_documents_is_what_it_says(tmp_path: Path) -> None:
    shutil.copytree(SAMPLE, tmp_path / "policy")
    text = (Path(__file__).parents[2] / "docs" / "change-the-sla-safely.md").read_text(encoding="utf-8")
    command, example = re.findall(r"```\npriyom policy due ([^\n]*)\n(.*?)```", text, flags=re.DOTALL)[0]
    assert due(*command.split()).output.startswith(example)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--plan gold", "--plan: there is no gold; there are standard, extended, premium, full-sla, hda, internal, "),
        ("--priority p5", "--priority: there is no p5; there are p1, p2, p3, p4\n"),
        ("--kind nothing", "--kind: there is no nothing; there are outage, malfunction, "),
        ("--line tenth", "--line: there is no tenth; there are first, second, third, it-department, "),
        ("--at yesterday", "--at: yesterday is not a time: write it like 2026-11-03T16:30 or "),
        ("--at 2026-02-29T10:00", "--at: 2026-02-29T10:00 is not a time: "),
        ("--at 2026-11-03", "--at: 2026-11-03 is a date without a time of day: write it like 2026-11-03T09:00\n"),
        ("--at 9999-12-31T23:59", "--at: 9999-12-31T23:59 is not in the years 1970 to 8999\n"),
        (
            "--at 2026-10-25T02:30 --plan abroad",
            "--at: 2026-10-25T02:30 comes twice in Europe/Berlin: write its offset, +02:00 or +01:00\n",
        ),
        (
            "--at 2026-03-29T02:30 --plan abroad",
            "--at: 2026-03-29T02:30 never comes in Europe/Berlin, whose clock is moved past it\n",
        ),
    ],
)
def test_what_the_policy_does_not_know_is_refused_with_what_it_does(folder: Path, words: str, said: str) -> None:
    at = () if "--at" in words else ("--at", "2026-11-23T10:00Z")
    assert due(str(folder), *at, *words.split(), code=2).output.startswith(said)


def test_a_time_is_needed() -> None:
    assert "--at" in due(code=2).output


def test_a_calendar_that_has_no_time_left_is_named() -> None:
    policy = compile_policy(load_folder(SAMPLE), 1)
    once = Calendar(key="once", exceptions={date(2026, 11, 23): ((0, 3600),)})
    closing = replace(policy, calendars={**policy.calendars, "moscow": once})
    case = case_of(closing, "2026-11-24T10:00", plan=None, priority=None, kind=None, line=None)
    with pytest.raises(Permanent, match="calendar once never opens after 2026-11-24T10:00"):
        promises(closing, case)


def test_a_folder_comes_before_an_instance_and_an_instance_before_the_sample(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    at = ("--at", "2026-11-23T10:00Z")
    assert asked(*at)["policy"] == "sample"
    assert "there is no instance here" in due(*at, "--data", str(tmp_path / "nowhere"), code=1).output
    data = str(tmp_path / "data")
    run = CliRunner().invoke
    assert run(app, ["db", "upgrade", "--data", data]).exit_code == 0
    assert due(*at, "--data", data, code=1).output == "There is no revision yet\n"
    assert run(app, ["policy", "apply", str(folder), "--data", data]).exit_code == 0
    assert asked(*at, "--data", data, "--plan", "sun")["policy"] == "revision 1"
    assert asked(*at)["policy"] == "revision 1"  # the usual data folder, as it lies here
    assert asked(str(SAMPLE), *at, "--data", data)["policy"] == str(SAMPLE)
    monkeypatch.setenv("PRIYOM_DATA_DIR", str(tmp_path / "elsewhere"))
    assert "there is no instance here" in due(*at, code=1).output
