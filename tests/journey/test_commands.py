"""The commands, as an operator types them: what they do to an instance, and one clear sentence where they cannot."""

import json
import re
import shutil
import socket
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from config.loader import SAMPLE
from tests.journey.conversation import send, ticketed
from tests.journey.instance import Instance
from tests.journey.system import until

pytestmark = pytest.mark.xdist_group("processes")


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    """A copy of the sample policy, to be changed."""
    return Path(shutil.copytree(SAMPLE, tmp_path / "policy"))


def _refused(done: object, code: int) -> str:
    """What was said on stderr, which is no traceback and no log."""
    assert done.returncode == code, done  # type: ignore[attr-defined]
    said = str(done.stderr).strip()  # type: ignore[attr-defined]
    assert said
    assert "Traceback" not in said
    return said


def test_a_data_folder_in_use_is_refused_with_the_holder_named(priyom: Instance) -> None:
    assert priyom.process is not None
    said = _refused(
        priyom.command("up", "--data", str(priyom.data), "--http", "127.0.0.1:0", "--smtp", "127.0.0.1:0"), 1
    )
    assert said.splitlines()[-1] == (
        f"{priyom.data}: this data folder is in use by another Priyom (process {priyom.process.pid})"
    )
    assert priyom.request("GET", "/health/ready", token=False).status == 200


@pytest.mark.parametrize("name", ["http", "smtp", "lmtp"])
def test_a_port_that_is_taken_is_named(priyom: Instance, tmp_path: Path, name: str) -> None:
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        place = f"127.0.0.1:{taken.getsockname()[1]}"
        others = [w for other in ("http", "smtp") if other != name for w in (f"--{other}", "127.0.0.1:0")]
        said = _refused(priyom.command("up", "--data", str(tmp_path / "data"), f"--{name}", place, *others), 1)
    assert said.splitlines()[-1] == f"{name}: cannot listen on {place}: Address already in use"
    assert not (tmp_path / "data" / "endpoints.json").exists()


def test_an_invalid_policy_stops_the_start_with_file_line_and_key(
    priyom: Instance, policy: Path, tmp_path: Path
) -> None:
    rules = policy / "lines.yaml"
    broken = rules.read_text(encoding="utf-8").replace("moscow", "atlantis", 1)
    rules.write_text(broken, encoding="utf-8")
    line = 1 + broken[: broken.index("atlantis")].count("\n")
    for words in (["up", "--data", str(tmp_path / "data"), "--policy", str(policy)], ["policy", "check", str(policy)]):
        said = _refused(priyom.command(*words), 2)
        assert re.search(rf"^lines\.yaml:{line}: \S+: .*atlantis", said, re.MULTILINE), said
    said = _refused(priyom.command("policy", "apply", str(policy)), 2)
    assert "atlantis" in said
    assert len(priyom.rows("SELECT revision FROM policy_revisions WHERE documents LIKE '%atlantis%'")) == 0


@pytest.mark.parametrize(
    ("command", "name", "value"),
    [
        ("up", "PRIYOM_HTTP", "nonsense"),
        ("run web", "PRIYOM_SMTP", "127.0.0.1:99999"),
        ("ledger", "PRIYOM_GRACE", "soon"),
        ("policy apply", "PRIYOM_SECRET", "short"),
        ("up", "PRIYOM_HTPT", "127.0.0.1:80"),
    ],
)
def test_an_invalid_setting_is_named_as_it_was_written(tmp_path: Path, command: str, name: str, value: str) -> None:
    said = _refused(Instance(tmp_path, settings={name: value}).command(*command.split()), 2)
    assert said.startswith(f"{name}: "), said
    assert len(said.splitlines()) == 1


def test_a_database_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    other = Instance(tmp_path)
    other.told("db", "upgrade")
    with closing(sqlite3.connect(other.data / "priyom.db")) as database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")
        database.commit()
    for words in (["up", "--http", "127.0.0.1:0", "--smtp", "127.0.0.1:0"], ["db", "upgrade"], ["quarantine", "list"]):
        said = _refused(other.command(*words), 1).splitlines()[-1]
        assert said.startswith("The database is at version 9999, which this program does not know"), said


def test_a_folder_without_an_instance_says_so(tmp_path: Path) -> None:
    other = Instance(tmp_path)
    for words in (["ledger"], ["quarantine", "list"], ["token", "create", "--name", "x", "--scope", "read"]):
        said = _refused(other.command(*words), 1)
        assert "priyom up" in said
        assert len(said.splitlines()) == 1


def test_a_role_without_a_bus_says_so(tmp_path: Path) -> None:
    other = Instance(tmp_path)
    assert "no instance runs here" in _refused(other.command("run", "web"), 1)
    assert _refused(other.command("run", "cook"), 2).startswith("cook: no such role")


def test_an_applied_policy_decides_the_next_mail_within_five_seconds(priyom: Instance, policy: Path) -> None:
    first = ticketed(priyom, b"From: a@client.example\r\nSubject: Before\r\n\r\nx")
    assert priyom.told("policy", "check", str(policy)).endswith("0 problems")
    mail = policy / "mail.yaml"
    mail.write_text(mail.read_text(encoding="utf-8").replace("example.org]", "example.org, new.example.org]", 1))
    head = priyom.rows("SELECT max(revision) AS n FROM policy_revisions")[0]["n"]

    assert priyom.told("policy", "apply", str(policy), "--comment", "one more domain") == f"revision {head + 1} applied"

    def decided() -> bool:
        number = ticketed(priyom, b"From: a@client.example\r\nSubject: After\r\n\r\nx")
        return bool(priyom.ticket(number)["decision"]["revision"] == head + 1)

    until("the new revision decides", decided, within=5, every=0.2)
    assert priyom.ticket(first)["decision"]["revision"] == head
    again = priyom.told("policy", "apply", str(policy))
    assert again == f"revision {head + 1} is the same, nothing to do"


def test_an_agent_is_added_once_and_signs_in_by_the_printed_link_once(priyom: Instance) -> None:
    words = ("agent", "add", "anna@example.org", "--name", "Анна", "--line", "first")
    link = priyom.told(*words)
    assert link.startswith(priyom.endpoints["http"] + "/desk/sign-in/")
    assert "anna@example.org" in _refused(priyom.command(*words), 1)
    assert "nowhere" in _refused(priyom.command(*words[:2], "b@example.org", *words[3:-1], "nowhere"), 2)
    listed = json.loads(priyom.told("agent", "list", "--json"))
    (anna,) = [each for each in listed["agents"] if each["email"] == "anna@example.org"]
    assert (anna["name"], anna["lines"], anna["admin"], anna["active"]) == ("Анна", ["first"], False, True)


def test_a_token_reads_what_its_scope_allows(priyom: Instance) -> None:
    token = priyom.told("token", "create", "--name", "reader", "--scope", "read")
    headers = {"Authorization": f"Bearer {token}"}
    assert priyom.request("GET", "/api/v1/tickets", headers=headers, token=False).status == 200
    held = priyom.request("POST", "/api/v1/quarantine/x/release", headers=headers, token=False)
    assert (held.status, held.headers["Content-Type"]) == (403, "application/problem+json")
    assert priyom.request("GET", "/api/v1/tickets", headers={"Authorization": "Bearer x"}, token=False).status == 401
    assert "reader" in _refused(priyom.command("token", "create", "--name", "reader", "--scope", "read"), 1)
    assert "everything" in _refused(priyom.command("token", "create", "--name", "y", "--scope", "everything"), 2)


AUTO_REPLY = (
    b"From: away@client.example\r\nTo: support@example.org\r\nSubject: Out of office\r\n"
    b"Auto-Submitted: auto-replied\r\nMessage-ID: <away@client.example>\r\n\r\nBack on Monday."
)


def test_an_automatic_reply_is_held_with_its_reason_and_one_command_makes_it_a_ticket(priyom: Instance) -> None:
    before = priyom.quiet_ledger()["total"]
    envelope = priyom.envelope_of(send(priyom.smtp, AUTO_REPLY))
    line = priyom.outcome(envelope)
    assert (line["outcome"], line["number"]) == ("suppressed", None)
    assert line["reason"]
    items = json.loads(priyom.told("quarantine", "list", "--json"))["items"]
    (item,) = [item for item in items if item["envelope_id"] == envelope]
    assert (item["outcome"], item["reason"], item["subject"]) == ("suppressed", line["reason"], "Out of office")
    shown = json.loads(priyom.told("quarantine", "show", item["id"]))
    assert shown["sender"] == "away@client.example"
    held = priyom.quiet_ledger()["total"]
    assert held["suppressed"] - before["suppressed"] == 1

    assert envelope in priyom.told("quarantine", "release", item["id"])
    until("it is a ticket", lambda: priyom.settled()[envelope]["outcome"] == "ticketed")
    after = priyom.quiet_ledger()["total"]
    assert {name: after[name] - held[name] for name in ("accepted", "ticketed", "suppressed")} == {
        "accepted": 0,
        "ticketed": 1,
        "suppressed": -1,
    }
    assert "released already" in _refused(priyom.command("quarantine", "release", item["id"]), 1)
    assert "ticketed" in priyom.told("trace", envelope)


def test_what_is_not_there_is_said_in_one_sentence(priyom: Instance) -> None:
    assert "no message of this id" in _refused(priyom.command("trace", "01ARZ3NDEKTSV4RRFFQ69G5FAV"), 1)
    for words in (["quarantine", "show", "x"], ["quarantine", "release", "x"]):
        assert len(_refused(priyom.command(*words), 1).splitlines()) == 1


def _commands() -> list[list[str]]:
    """Every command and group there is, as the program itself lists them."""
    import typer

    from gateway.cli import app

    found: list[list[str]] = [[]]
    root = typer.main.get_command(app)

    def walk(command: object, path: list[str]) -> None:
        for name, inner in getattr(command, "commands", {}).items():
            found.append([*path, name])
            walk(inner, [*path, name])

    walk(root, [])
    return found


def test_every_command_has_help() -> None:
    from typer.testing import CliRunner

    from gateway.cli import app

    commands = _commands()
    assert len(commands) > 15
    runner = CliRunner()
    told = {" ".join(words): runner.invoke(app, [*words, "--help"]).exit_code for words in commands}
    assert set(told.values()) == {0}, told


def test_the_programs_own_help_names_every_setting(priyom: Instance) -> None:
    told = priyom.told("--help")
    from gateway.settings import Settings

    assert [name for name in Settings.model_fields if f"PRIYOM_{name.upper()}" not in told] == []
