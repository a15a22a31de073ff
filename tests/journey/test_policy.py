"""A policy changed under a running instance: what the next mail gets, and what may be asked before and after."""

import json
import shutil
from pathlib import Path

import pytest

from config.loader import SAMPLE
from tests.journey.conversation import ticketed
from tests.journey.instance import Instance

pytestmark = pytest.mark.xdist_group("processes")

BLOCK = (SAMPLE.parent / "templates" / "kind.yaml").read_text(encoding="utf-8")
RULE = """
  - key: drone
    when: {field: text, words: [квадрокоптер]}
    set: {kind: drone-lost}
"""


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    return Path(shutil.copytree(SAMPLE, tmp_path / "policy"))


def _replace(file: Path, old: str, new: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), encoding="utf-8")


def _mail(subject: str, body: str) -> bytes:
    return f"From: a@client.example\r\nSubject: {subject}\r\n\r\n{body}".encode()


def test_the_mail_right_after_apply_is_of_the_kind_that_was_copied_from_the_template(
    priyom: Instance, policy: Path
) -> None:
    _replace(policy / "kinds.yaml", "\nkinds:\n", "\nkinds:\n" + BLOCK.replace("  new-kind:", "  drone-lost:", 1))
    _replace(policy / "rules.yaml", "\nrules:\n", "\nrules:\n" + RULE)
    before = ticketed(priyom, _mail("До", "Пропал квадрокоптер"))
    assert priyom.told("policy", "check", str(policy)).endswith("0 problems")
    assert "applied" in priyom.told("policy", "apply", str(policy), "--comment", "drones")

    number = ticketed(priyom, _mail("После", "Пропал квадрокоптер"))  # sent at once, and asked once

    ticket = priyom.ticket(number)
    head = priyom.rows("SELECT max(revision) AS n FROM policy_revisions")[0]["n"]
    assert (ticket["kind"], ticket["line"], ticket["decision"]["revision"]) == ("drone-lost", "first", head)
    steps = {step["step"]: step for step in ticket["decision"]["steps"]}
    assert steps["kind"]["because"].startswith("Rule drone (")
    assert priyom.ticket(before)["kind"] != "drone-lost"


def test_a_candidate_is_tried_on_what_came_and_refused_over_the_threshold(priyom: Instance, policy: Path) -> None:
    number = ticketed(priyom, _mail("Касса", "Касса не печатает чек, у всех, срочно"))
    ticket = priyom.ticket(number)
    _replace(policy / "rules.yaml", "\nrules:\n", RULE.replace("квадрокоптер", "касса").replace("\n", "\nrules:\n", 1))
    _replace(policy / "rules.yaml", "set: {kind: drone-lost}", "set: {line: finance, priority: p4}")

    done = priyom.command("policy", "simulate", str(policy), "--max-changed", "0%", "--json")

    assert done.returncode == 3, done
    said = json.loads(str(done.stdout))
    changed = {each["ticket"]: each["fields"] for each in said["changed"]}
    assert changed[ticket["number"]]["line"] == [ticket["line"], "finance"]
    assert changed[ticket["number"]]["priority"] == [ticket["priority"], "p4"]
    assert said["load"]["finance"]["total"][1] >= 1
    assert "of the messages change" in said["exceeded"][0]
    assert priyom.ticket(number)["line"] == ticket["line"]

    table = priyom.told("policy", "simulate", str(policy))
    assert f"{ticket['line']} -> finance" in table
    wrong = priyom.command("policy", "simulate", str(policy), "--max-changed", "five")
    assert wrong.returncode == 2
    assert "--max-changed" in str(wrong.stderr)


def test_every_decision_of_the_instance_is_given_again_by_its_own_record(priyom: Instance) -> None:
    ticketed(priyom, _mail("Ещё", "Вопрос по отчёту"))
    said = json.loads(priyom.told("policy", "verify", "--json"))
    assert said["mismatches"] == []
    assert said["decisions"] >= 1
