"""docs/channels/alerts.md: it names every setting and member, and what it shows can be posted."""

import dataclasses
import json
import re
from pathlib import Path
from typing import Any

from channels.alerts.account import AlertAccount
from channels.alerts.event import json_schema
from channels.alerts.plain import PlainAlert
from channels.alerts.plain import read as read_plain
from channels.alerts.sender import annotation
from channels.alerts.zabbix import ZabbixEvent
from channels.alerts.zabbix import read as read_zabbix
from tests.channels.alarms import TOKEN
from tests.channels.test_alert_sender import PARCEL

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "channels" / "alerts.md").read_text(encoding="utf-8")
SHAPES = {"alert-plain.v1": PlainAlert, "alert-zabbix.v1": ZabbixEvent}
ZABBIX, ANNOTATION = (json.loads(block) for block in re.findall(r"```json\n(.*?)```", TEXT, flags=re.DOTALL))


def members(shape: Any) -> set[str]:
    return {name for part in json_schema(shape)["$defs"].values() for name in part["properties"]}


def test_the_page_names_every_setting_and_every_member() -> None:
    named = set(re.findall(r"`([^`\n]+)`", TEXT))
    wanted = {field.name for field in dataclasses.fields(AlertAccount)} | members(PlainAlert) | members(ZabbixEvent)
    assert wanted - named == set()


def test_the_schemas_of_the_documents_are_the_codes() -> None:
    for name, shape in SHAPES.items():
        kept = json.loads((ROOT / "docs" / "schemas" / f"{name}.json").read_text(encoding="utf-8"))
        assert kept == json_schema(shape)


def test_the_zabbix_script_sends_every_member_and_its_body_is_read() -> None:
    [script] = re.findall(r"```javascript\n(.*?)```", TEXT, flags=re.DOTALL)
    [listed] = re.findall(r"names = \[(.*?)\]", script, flags=re.DOTALL)
    assert set(re.findall(r"'(\w+)'", listed)) == members(ZabbixEvent) == set(ZABBIX)
    [read] = read_zabbix(AlertAccount(dialect="zabbix", token=TOKEN), ZABBIX, b"")
    assert (read.event.fingerprint, read.event.product, read.event.severity) == ("23012", "warehouse", "High")


def test_the_body_that_curl_posts_is_read() -> None:
    [body] = re.findall(r"--data '(.*?)'", TEXT, flags=re.DOTALL)
    [read] = read_plain(AlertAccount(dialect="plain", token=TOKEN), json.loads(body), b"")
    assert (read.event.fingerprint, read.event.status, read.event.title) == (
        "backup-nightly",
        "firing",
        "Nightly backup failed",
    )


def test_an_annotation_has_the_members_that_the_page_shows() -> None:
    assert list(annotation(PARCEL)) == list(ANNOTATION)
