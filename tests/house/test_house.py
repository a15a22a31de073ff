"""The architecture, held by tests. Each check says how much it looked at, so that none passes by looking at nothing."""

import ast
import sys
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

import pytest

from domain.facts import FACTS, Fact
from gateway.cli import app as cli
from gateway.roles import ROLES
from gateway.topology import CONSUMERS, FACT_SUBJECTS, STREAMS

ROOT = Path(__file__).parents[2]
ROOMS = ("channels", "config", "desk", "domain", "gateway", "normalizer", "router", "store")
LINES = 420
"""A module that grows past this holds more than one thing."""


def modules(*rooms: str) -> list[tuple[str, ast.Module]]:
    paths = [path for room in rooms for path in sorted((ROOT / room).rglob("*.py"))]
    return [(str(path.relative_to(ROOT)), ast.parse(path.read_text(encoding="utf-8"))) for path in paths]


EVERYTHING = modules(*ROOMS)


def imported(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module.partition(".")[0]


def calls(tree: ast.Module) -> Iterator[tuple[str, ast.Call]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            yield f"{ast.unparse(node.func.value)}.{node.func.attr}", node


def test_the_house_was_looked_at() -> None:
    assert len(EVERYTHING) > 120
    assert {name.partition("/")[0] for name, _ in EVERYTHING} == set(ROOMS)


def test_the_foundation_stands_on_the_standard_library_alone() -> None:
    foundation = modules("domain")
    assert len(foundation) > 15
    allowed = sys.stdlib_module_names | {"domain"}
    assert {(name, m) for name, tree in foundation for m in imported(tree) if m not in allowed} == set()


ALLOWED = {
    "router": {"domain", "router", "Stemmer"},
    "config": {"config", "domain", "holidays", "pydantic", "ruamel"},
}


@pytest.mark.parametrize("room", ALLOWED)
def test_a_pure_room_imports_nothing_beyond_its_craft(room: str) -> None:
    looked = modules(room)
    assert len(looked) > 8
    allowed = sys.stdlib_module_names | ALLOWED[room]
    assert {(name, m) for name, tree in looked for m in imported(tree) if m not in allowed} == set()


def test_nothing_reads_the_time_but_the_clock() -> None:
    clocks = {"datetime.now", "datetime.utcnow", "time.time", "time.time_ns", "date.today", "datetime.today"}
    readers = {name for name, tree in EVERYTHING for call, _ in calls(tree) if call in clocks}
    assert readers == {"gateway/system.py"}


def test_logs_carry_surrogate_ids_and_no_words_of_people() -> None:
    personal = {"subject", "body", "text", "html", "address", "sender", "recipient", "email", "phone", "name", "raw"}
    logged = [
        (name, keyword.arg)
        for name, tree in EVERYTHING
        for call, node in calls(tree)
        if call.split(".")[0] in ("log", "_log") or call.startswith("self._log.")
        for keyword in node.keywords
    ]
    assert len(logged) > 50
    assert [(name, word) for name, word in logged if word in personal] == []


def test_what_catches_everything_says_why_and_stands_where_it_may() -> None:
    """The consumer's table ("anything unknown"), a batch's one message or firing, the pages' 500, the last frame of a
    process, a receiver by which neither the other accounts nor the front may end, and around libraries that raise what
    they like on what strangers send. Cleaning up and raising again is fine."""
    wide = [
        (name, node.lineno)
        for name, tree in EVERYTHING
        for node in ast.walk(tree)
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or ast.unparse(node.type) in ("Exception", "BaseException"))
        and not isinstance(node.body[-1], ast.Raise)
    ]
    assert len(wide) > 5
    edges = {"gateway/consumer.py", "gateway/process.py", "desk/shield.py", "router/service.py", "router/timekeeper.py"}
    edges |= {"channels/imap/receiver.py", "channels/telegram/receiver.py", "channels/telegram/reception.py"}
    assert {name for name, _ in wide if name not in edges and not name.startswith("normalizer/")} == set()
    lines = {name: (ROOT / name).read_text(encoding="utf-8").splitlines() for name, _ in wide}
    assert [(n, at) for n, at in wide if n.startswith("normalizer/") and "#" not in lines[n][at - 1]] == []


def test_every_fact_is_known_and_has_a_subject_of_its_stream() -> None:
    def below(kind: type[Fact]) -> Iterator[type[Fact]]:
        for child in kind.__subclasses__():
            yield child
            yield from below(child)

    # By name: a class with slots is made twice, and the first one may not be collected yet.
    assert {fact.__name__ for fact in FACTS} == {fact.__name__ for fact in below(Fact)}
    assert set(FACT_SUBJECTS) == set(FACTS)
    assert {fact.NAME for fact in FACTS} == set(FACT_SUBJECTS.values())
    assert all(subject.startswith("ticket.") for subject in FACT_SUBJECTS.values())


def test_every_consumer_reads_a_stream_that_is_declared_and_takes_its_subjects() -> None:
    streams = {stream.name: stream for stream in STREAMS}
    assert set(streams) == {"INTAKE", "MESSAGE", "TICKET", "REPLY", "DEAD"}
    for consumer in CONSUMERS:
        assert any(fnmatch(consumer.filter, subject) for subject in streams[consumer.stream].subjects)


def test_the_procfile_names_every_role_once() -> None:
    lines = (ROOT / "Procfile").read_text(encoding="utf-8").splitlines()
    named = {line.partition(":")[0]: line.rpartition(" ")[2] for line in lines if line}
    assert named == {role: role for role in ROLES}


def test_no_module_holds_more_than_one_thing() -> None:
    lengths = {name: len((ROOT / name).read_text(encoding="utf-8").splitlines()) for name, _ in EVERYTHING}
    assert {n: count for n, count in lengths.items() if count > LINES and "/versions/" not in n} == {}


def test_every_module_says_what_it_is() -> None:
    silent = [name for name, tree in EVERYTHING if tree.body and ast.get_docstring(tree) is None]
    assert silent == []


def test_no_unfinished_marks_are_left() -> None:
    marks = ("TO" + "DO", "FIX" + "ME", "NotImplemented" + "Error")
    found = [name for name, _ in EVERYTHING for m in marks if m in (ROOT / name).read_text(encoding="utf-8")]
    assert found == []


def test_locks_name_no_host() -> None:
    for lock in ("requirements.lock", "requirements-dev.lock"):
        text = (ROOT / lock).read_text(encoding="utf-8")
        assert text.count("--hash=sha256:") > 500
        assert "://" not in text


def test_every_command_of_the_contract_is_there() -> None:
    names = {c.name or c.callback.__name__ for c in cli.registered_commands if c.callback}
    names |= {group.name or "" for group in cli.registered_groups}
    assert names == {
        *("up", "run", "ledger", "trace", "db", "policy", "quarantine"),
        *("agent", "token", "organization", "contact"),
    }
