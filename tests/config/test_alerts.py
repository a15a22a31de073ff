"""``alerts`` of policy.yaml: what it compiles to, what is left out, and how a change of it is told."""

from pathlib import Path

from config.diff import Change, Detail, differences
from config.loader import Documents, compile_policy, load_folder, read_policy
from domain.policy import AlertPolicy, Severity
from domain.ticket import Level

BASE = load_folder(Path(__file__).parent / "base")


def given(section: str) -> Documents:
    return {**BASE, "policy.yaml": f"{BASE['policy.yaml']}\n{section}\n"}


def test_without_the_section_the_policy_says_nothing_of_alerts() -> None:
    assert compile_policy(BASE, 1).alerts is None


def test_what_is_left_out_is_as_its_default() -> None:
    assert compile_policy(given("alerts: {}"), 1).alerts == AlertPolicy(
        catalog=None, kind=None, severities={}, resolved="note", link_within_s=86_400
    )


def test_every_key_is_taken() -> None:
    section = """alerts:
  catalog: general/other
  kind: how-to
  severities: {not-classified: {impact: low, urgency: medium}}
  resolved: close
  link_within: 90m"""
    assert compile_policy(given(section), 1).alerts == AlertPolicy(
        catalog="general/other",
        kind="how-to",
        severities={"not-classified": Severity(impact=Level.LOW, urgency=Level.MEDIUM)},
        resolved="close",
        link_within_s=5400,
    )


def test_a_change_is_told_key_by_key() -> None:
    before, after = (
        read_policy(given(f"alerts: {{resolved: note, link_within: {hours}}}")) for hours in ("24h", "36h")
    )
    detail = Detail(key="alerts.link_within", old="24h", new="36h")
    assert differences(before, after) == (Change(sort="policy", key="", what="changed", details=(detail,)),)
