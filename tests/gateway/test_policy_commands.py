"""``priyom policy`` against an instance that does not run: what is applied, compared, exported and refused."""

import json
import shutil
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from config.loader import load_folder
from gateway.cli import app

BASE = Path(__file__).parents[1] / "config" / "base"


class Place:
    """A folder of policy files to change, and an instance that has the first revision of it."""

    def __init__(self, folder: Path) -> None:
        self.policy = Path(shutil.copytree(BASE, folder / "policy"))
        self.data = folder / "data"
        self.run("db", "upgrade", "--data", str(self.data))
        self.run(
            "policy", "apply", str(self.policy), "--data", str(self.data), "--author", "anna", "--comment", "first"
        )

    def run(self, *words: str, code: int = 0) -> Result:
        done = CliRunner().invoke(app, list(words))
        assert done.exit_code == code, (done.output, done.exception)
        return done

    def told(self, command: str, *words: str, code: int = 0) -> list[str]:
        """Lines of output, faults included."""
        return self.run("policy", command, *words, "--data", str(self.data), code=code).output.splitlines()

    def change(self, file: str, old: str, new: str) -> None:
        path = self.policy / file
        text = path.read_text(encoding="utf-8")
        assert text.count(old) == 1
        path.write_text(text.replace(old, new), encoding="utf-8")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    # Logs would be bound to the runner's output, which is closed when other tests write to them.
    monkeypatch.setattr("gateway.commands.common.logs.configure", lambda *_, **__: None)
    return Place(tmp_path)


def test_a_folder_is_compared_with_the_running_revision(place: Place) -> None:
    assert place.told("diff", str(place.policy)) == ["no differences"]
    place.change("plans.yaml", "p1: 15m", "p1: 10m")
    assert place.told("diff", str(place.policy)) == [
        "changed  plan premium",
        "         targets.first_response.p1: 15m -> 10m",
    ]
    found = json.loads(place.told("diff", str(place.policy), "--json")[0])
    assert (found["old"], found["new"]) == ("revision 1", str(place.policy))
    assert found["changes"] == [
        {
            "sort": "plan",
            "key": "premium",
            "what": "changed",
            "details": [{"key": "targets.first_response.p1", "old": "15m", "new": "10m"}],
        }
    ]


def test_a_folder_is_compared_with_an_older_revision_and_with_a_folder(place: Place) -> None:
    place.change("lines.yaml", "stay: 2h", "stay: 3h")
    assert place.told("apply", str(place.policy)) == ["revision 2 applied"]
    place.change("lines.yaml", "stay: 3h", "stay: 4h")
    for words, said in (
        ((), "stay: 3h -> 4h"),
        (("--against", "1"), "stay: 2h -> 4h"),
        (("--against", str(BASE)), "2h"),
    ):
        assert said in place.told("diff", str(place.policy), *words)[1]
    assert place.told("diff", str(place.policy), "--against", "9", code=1) == ["There is no revision 9"]


def test_a_long_text_is_shown_around_where_it_differs(place: Place) -> None:
    words = "А" * 200
    place.change("kinds.yaml", "ru: Отвечает эксперт.", f"ru: {words} Б")
    place.told("apply", str(place.policy))
    place.change("kinds.yaml", f"{words} Б", f"{words} В")
    (_, line) = place.told("diff", str(place.policy))
    assert line == f"         regulation.ru: …{'А' * 19} Б -> …{'А' * 19} В"


def test_a_revision_is_written_back_byte_for_byte(place: Place, tmp_path: Path) -> None:
    (place.policy / "mail.yaml").write_bytes((place.policy / "mail.yaml").read_bytes().replace(b"\n", b"\r\n"))
    place.told("apply", str(place.policy))
    out = tmp_path / "out"
    assert place.told("export", "--to", str(out)) == [f"revision 2: 11 files in {out}"]
    assert load_folder(out) == load_folder(place.policy)
    assert {p.name: p.read_bytes() for p in out.iterdir()} == {p.name: p.read_bytes() for p in place.policy.iterdir()}
    place.told("export", "--to", str(out))
    (said,) = place.told("export", "--revision", "1", "--to", str(out), code=1)
    assert said.endswith("mail.yaml: there is another policy in this folder; nothing was written")


def test_the_catalog_is_printed_with_what_it_inherits(place: Place) -> None:
    lines = [line.strip() for line in place.told("export")]
    assert lines[0] == "audiences:"
    assert "line: second # overrides first" in lines
    assert "line: first # from accounting" in lines


def test_a_catalog_entry_does_not_vanish_but_is_retired(place: Place) -> None:
    sync = "sync: {title: {ru: Синхронизация, en: Synchronisation}, kind: sync-failure}"
    place.change("catalog.yaml", sync, sync.replace("sync:", "exchange:", 1))
    for file in ("forms.yaml", "rules.yaml"):
        place.change(file, "field/sync", "field/exchange")
    gone = (
        "catalog.yaml:30: catalog.field.children.sync: is gone; tickets may have it: retire it instead (retired: true)"
    )
    assert place.told("apply", str(place.policy), code=2) == [gone]
    assert gone in place.told("check", str(place.policy), code=2)
    retired = sync.replace("kind:", "retired: true, kind:")
    place.change(
        "catalog.yaml",
        sync.replace("sync:", "exchange:", 1),
        f"{sync.replace('sync:', 'exchange:', 1)}\n      {retired}",
    )
    assert place.told("apply", str(place.policy)) == ["revision 2 applied"]


def test_kinds_and_plans_may_go(place: Place) -> None:
    text = (place.policy / "kinds.yaml").read_text(encoding="utf-8")
    place.change("kinds.yaml", text[text.index("  consultation:") :], "")
    place.change("rules.yaml", "kind: consultation", "kind: how-to")
    place.change("reactions.yaml", "    kinds: [consultation]\n", "")
    assert place.told("apply", str(place.policy)) == ["revision 2 applied"]


def test_lines_groups_and_skills_without_agents_are_named_for_an_instance(place: Place) -> None:
    place.run("agent", "add", "a@example.org", "--name", "A", "--line", "first", "--data", str(place.data))
    set_ = ("agent", "set", "a@example.org", "--data", str(place.data))
    place.run(*set_, "--group", "first/field", "--skill", "warehouse=1")
    assert place.told("check", str(place.policy)) == [
        "kinds.yaml:26: kinds.outage.skills.warehouse: is needed at level 2, and the best there has it at 1",
        "lines.yaml:8: lines.first.groups.accounting: has no active agents",
        "lines.yaml:11: lines.second: has no active agents",
        "lines.yaml:18: lines.third: has no active agents",
        "4 problems",
    ]
    place.run(*set_, "--group", "", "--skill", "warehouse=2", "--line", "first", "--line", "second", "--line", "third")
    assert place.told("check", str(place.policy)) == ["0 problems"]
    assert place.run("policy", "check", str(place.policy)).output == "0 problems\n"


def test_a_revision_that_this_program_does_not_take_says_which_one(place: Place) -> None:
    with sqlite3.connect(place.data / "priyom.db") as database:
        database.execute("UPDATE policy_revisions SET documents = replace(documents, 'outside_quota', 'outside')")
    (said,) = place.told("diff", str(place.policy), code=2)
    assert said.startswith("revision 1: kinds.yaml:4: types.defect.outside: is not a known key")


def test_a_revision_has_its_author_time_and_comment(place: Place) -> None:
    with sqlite3.connect(place.data / "priyom.db") as database:
        (author, comment, at) = database.execute("SELECT author, comment, at FROM policy_revisions").fetchone()
    assert (author, comment) == ("anna", "first")
    taken = datetime.fromisoformat(str(at))
    age = datetime.now(UTC) - (taken if taken.tzinfo else taken.replace(tzinfo=UTC))
    assert abs(age.total_seconds()) < 300
