"""docs/channels/ivr.md stands for itself: its events are taken, its scripts run, and it names every setting."""

import asyncio
import dataclasses
import json
import os
import re
import shutil
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from channels.ivr.account import IvrAccount
from channels.ivr.event import json_schema
from gateway.system import SystemClock
from tests.channels.calls import SECRET, Hook

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "channels" / "ivr.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", TEXT, flags=re.DOTALL)


def script(name: str) -> str:
    [found] = [text for kind in ("bash", "python", "lua") for text in blocks(kind) if f"file: {name}\n" in text]
    return found


EVENTS = [json.loads(text) for text in blocks("json")]


@pytest.fixture
async def hook() -> AsyncIterator[Hook]:
    account = IvrAccount(dialect="canonical", secret=SECRET)
    async with Hook(pbx=account).served() as served:
        served.world.clock.moment = SystemClock().now()  # the scripts sign with the machine's own time
        yield served


async def run(hook: Hook, folder: Path, *words: str, given: str = "") -> tuple[int, str]:
    """A program with the scripts of the page on its path and the settings that the page names; exit code and output."""
    url = str(hook.client.make_url("/hooks/ivr/pbx"))
    (folder / "conf").write_text(f"PRIYOM_HOOK='{url}'\nPRIYOM_SECRET='{SECRET}'\n", encoding="utf-8")
    for name in ("priyom-post", "priyom-asterisk", "priyom-transcript"):
        (folder / name).write_text(script(name), encoding="utf-8")
        (folder / name).chmod(0o755)
    settings = {
        "PATH": f"{folder}:{os.environ['PATH']}",
        "PRIYOM_SETTINGS": str(folder / "conf"),
        "PRIYOM_HOOK": url,
        "PRIYOM_SECRET": SECRET,
    }
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        *words, env=settings, stdin=pipe, stdout=pipe, stderr=asyncio.subprocess.STDOUT
    )
    out, _ = await asyncio.wait_for(process.communicate(given.encode()), 60)
    return process.returncode or 0, out.decode()


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: f"{event['provider']}-{event['event_id']}")
async def test_every_event_of_the_page_is_taken_and_keeps_all_its_members(hook: Hook, event: dict[str, Any]) -> None:
    body = json.dumps(event).encode()
    assert (await hook.canonical(body, stamp=str(int(hook.world.clock.moment.timestamp())))).status == 202
    [kept] = hook.events

    def held(given: Any, kept: Any) -> bool:
        if isinstance(given, dict):
            return all(held(value, kept[name]) for name, value in given.items())
        return bool(given == kept)

    assert held(event, kept)


async def test_the_script_for_asterisk_posts_the_event_that_the_page_shows(hook: Hook, tmp_path: Path) -> None:
    words = ("1763888400.17", "+79161234567", "no", "74951234567", "1795424400", "74", "2")
    bash = shutil.which("bash")
    assert bash
    assert shutil.which("curl"), "curl is not installed: tests/packages.sh names what the tests need"
    first = await run(hook, tmp_path, bash, str(tmp_path / "priyom-asterisk"), *words)
    assert first[0] == 0, first
    [answered] = [json.loads(first[1])]
    assert answered["duplicate"] is False
    [shown] = [event for event in EVENTS if (event["provider"], event["event_id"]) == ("asterisk", "hangup")]
    assert json.loads(hook.world.intake.drafts[0].raw) == shown
    again = await run(hook, tmp_path, bash, str(tmp_path / "priyom-asterisk"), *words)
    assert json.loads(again[1]) == {"id": answered["id"], "duplicate": True}


async def test_the_script_says_so_where_it_is_refused(hook: Hook, tmp_path: Path) -> None:
    bash = shutil.which("bash")
    assert bash
    code, out = await run(hook, tmp_path, bash, str(tmp_path / "priyom-post"), given="{}")
    assert (code != 0, "422" in out, hook.world.intake.drafts) == (True, True, [])


async def test_the_recogniser_of_the_page_posts_its_words(hook: Hook, tmp_path: Path) -> None:
    program = str(tmp_path / "priyom-transcript")
    said = 'Не печатаются "накладные".\n'
    code, out = await run(hook, tmp_path, sys.executable, program, "1763888400.17", "ru-RU", "-", given=said)
    assert (code, out[:3]) == (0, "202")
    transcript = hook.events[0]["transcript"]
    assert (transcript["text"], transcript["language"], transcript["confidence"]) == (said, "ru-RU", None)


def test_the_page_names_every_setting_and_every_member_of_the_schema() -> None:
    named = set(re.findall(r"`([^`\n]+)`", TEXT)) | set(re.findall(r'"(\w+)":', TEXT))
    assert {field.name for field in dataclasses.fields(IvrAccount)} - named == set()
    members = {name for part in json_schema()["$defs"].values() for name in part["properties"]}
    assert members - named == set()


def test_the_schema_of_the_documents_is_the_codes() -> None:
    kept = json.loads((ROOT / "docs" / "schemas" / "ivr.v1.json").read_text(encoding="utf-8"))
    assert kept == json_schema()
    assert kept["$defs"]["Event"]["required"] == ["schema", "event", "provider", "call"]


def test_the_dialplan_lets_only_digits_reach_the_shell() -> None:
    [dialplan] = blocks("ini")
    [line] = [line for line in dialplan.splitlines() if "System(" in line]
    filtered = {"CALLER", "DIALLED", "HIDDEN", "BEGUN", "TOOK", "UNIQUEID"}
    for name in re.findall(r"'\$\{(\w+)\}'", line):
        assert name in filtered
    for name in ("CALLER", "DIALLED"):
        assert f"Set({name}=${{FILTER(" in dialplan
