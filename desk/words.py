"""Words for codes: statuses, priorities, channels, facts, decision steps. A code without words is shown as it is."""

import re
from collections.abc import Mapping
from typing import Any

from desk.i18n import N_, speaking
from desk.i18n import gettext as _
from domain.ids import format_number
from domain.policy import Policy, Text
from domain.views import HistoryEntry

STATUS = {
    "classification": N_("New"),
    "in_progress": N_("In progress"),
    "waiting_requester": N_("Waiting for requester"),
    "internal": N_("Internal request"),
    "feedback": N_("Feedback"),
    "closed": N_("Closed"),
}
PRIORITY = {"p1": N_("Critical"), "p2": N_("High"), "p3": N_("Normal"), "p4": N_("Low")}
LEVEL = {"high": N_("high"), "medium": N_("medium"), "low": N_("low")}
CHANNEL = {
    "email": N_("E-mail"),
    "telegram": N_("Telegram"),
    "form": N_("Web form"),
    "ivr": N_("Phone"),
    "phone": N_("Phone number"),
    "alert": N_("Monitoring"),
    "api": N_("API"),
}
TARGET = {
    "first_response": N_("First response"),
    "next_response": N_("Next response"),
    "resolution": N_("Resolution"),
    "line_stay": N_("Stay on the line"),
}
CLOCK = {"running": N_("running"), "paused": N_("paused"), "met": N_("met"), "breached": N_("breached")}
SEGMENT = {"running": N_("running"), "paused": N_("paused"), "closed_hours": N_("outside hours")}
STEP = {
    "requester": N_("Requester"),
    "correlation": N_("Conversation"),
    "suggestion": N_("May belong to"),
    "suppress": N_("Filter"),
    "catalog": N_("Service"),
    "kind": N_("Kind"),
    "impact": N_("Impact"),
    "urgency": N_("Urgency"),
    "priority": N_("Priority"),
    "plan": N_("Plan"),
    "line": N_("Line"),
    "group": N_("Group"),
    "audience": N_("Audience"),
    "assignee": N_("Assignee"),
    "parent": N_("Internal request"),
    "incident": N_("Known incident"),
    "alert": N_("Alert"),
    "clocks": N_("SLA clocks"),
}
SORT = {
    "urgency": N_("Most urgent first"),
    "newest": N_("Newest first"),
    "oldest": N_("Oldest first"),
    "updated": N_("Recently updated"),
}
FLAG = {
    "reply_to_mismatch": N_("Replies go to another address than the sender's"),
    "encrypted": N_("Encrypted: kept as it came"),
    "signed": N_("Digitally signed"),
    "unparsed": N_("Could not be parsed in full: see the raw message"),
    "charset_guessed": N_("The character set was guessed"),
    "same_id_other_body": N_("Another message came under the same id"),
    "repeat": N_("Asked before within a few days"),
    "vip": N_("VIP requester"),
    "low_confidence": N_("Speech recognised with low confidence"),
    "confidence_unsure": N_("Speech recognised with some doubt"),
    "withheld_number": N_("The caller hides the number"),
    "no_transcript": N_("No transcript of the call"),
    "superseded": N_("Another transcript stands in its place"),
    "unassigned": N_("No agent could take it"),
    "over_quota": N_("Above the plan's quota"),
    "quota_ask": N_("Above the quota: somebody has to agree"),
    "not_entitled": N_("The service is not for this requester"),
    "not_a_contact": N_("The sender is no named contact"),
    "channel_not_included": N_("The plan does not include this channel"),
    "late": N_("Late"),
    "own_address": N_("It comes from an address of our own"),
    "alert_firing": N_("The alert fires"),
    "alert_resolved": N_("The alert is resolved"),
    "lookup_failed": N_("What our systems know of the sender could not be asked"),
    "automatic": N_("Automatic"),
    "not_forwarded": N_("Nobody is known to send it on to"),
    "undelivered": N_("Something did not arrive"),
    "no_auto_reply": N_("Asks for no automatic answer"),
    "edited": N_("Changed by the sender after it was sent"),
    "file_missing": N_("A file did not arrive"),
    "file_too_large": N_("A file was too large to be taken"),
    "unsupported_content": N_("Something in it cannot be shown here"),
    "new_request": N_("The sender asked for a new request"),
    "awaits_choice": N_("The sender was asked which request it belongs to"),
}
CONDITION = {"connected": N_("Connected"), "lagging": N_("Lagging"), "failing": N_("Failing")}
DELIVERY = {
    "queued": N_("Waits to be sent"),
    "sending": N_("Being sent"),
    "sent": N_("Sent"),
    "failed": N_("Not delivered"),
    "unknown": N_("It is not known whether it arrived"),
    "muted": N_("Not sent"),
    "call_back": N_("Somebody has to telephone"),
    "called_back": N_("Answered by telephone"),
}
PRESENCE = {"on": N_("Here"), "break": N_("On a break"), "away": N_("Away")}
WHOM = {"assignee": N_("assignee"), "line": N_("the line"), "lead": N_("the lead")}
OUTCOME = {
    "in_flight": N_("on its way"),
    "ticketed": N_("registered"),
    "appended": N_("added to a ticket"),
    "duplicate": N_("received before"),
    "suppressed": N_("suppressed"),
    "quarantined": N_("quarantined"),
}
FIELD = {
    "phone": N_("Phone number"),
    "consent": N_("Consent"),
    "subject": N_("Subject"),
    "call_recording": N_("Recording"),
    "call_duration_s": N_("Seconds of the call"),
}
SHOWN_ELSEWHERE = frozenset({"name", "email", "locale", "filed_by"})
"""Fields of a form that the requester's own lines show already."""
OUTCOMES = {
    "new": N_("New conversation"),
    "no organisation": N_("No organisation"),
    "known": N_("Known"),
}
FACT = {
    "ticket.created": N_("Ticket opened from {channel}: {kind}, {priority}"),
    "ticket.assigned": N_("Placed on the line {line}"),
    "ticket.message_appended": N_("A message was added"),
    "ticket.status_changed": N_("Status: {old} → {new}"),
    "ticket.delivery_settled": N_("Delivery by {channel}: {state}"),
    "ticket.letters_muted": N_("No letter was sent by itself: the requester has had {count}"),
    "ticket.delivery_reported": N_("Delivery report: {action} {status}"),
    "ticket.duplicate_received": N_("The same message came again ({adapter})"),
    "ticket.escalated": N_("Passed up to the line {line}"),
    "ticket.returned": N_("Passed back to the line {line}"),
    "ticket.classified": N_("Classified: {changed}"),
    "ticket.linked": N_("Linked to {other}"),
    "ticket.sla_warned": N_("{target}: {share} % of the time are used up"),
    "ticket.sla_breached": N_("{target} is overdue"),
    "ticket.sla_ended": N_("{target}: {state}"),
    "ticket.notice_due": N_("Told: {whom}"),
    "ticket.nobody_eligible": N_("Nobody on the line {line} could take it"),
    "ticket.marked": N_("Marked: {flag}"),
    "ticket.work_logged": N_("Worked: {minutes} min"),
    "ticket.internal_requested": N_("The line {to} was asked: {child}"),
    "ticket.internal_answered": N_("The internal request {child} is closed"),
}
ASSIGNED = N_("Given to {assignee}")
CHANGED = {
    "catalog": N_("Service"),
    "kind": N_("Kind"),
    "impact": N_("Impact"),
    "urgency": N_("Urgency"),
    "priority": N_("Priority"),
    "line": N_("Line"),
    "group": N_("Group"),
    "fields": N_("Details"),
    "checks": N_("Checklist"),
}
RELATION = {
    "relates_to": N_("Related"),
    "duplicate_of": N_("Duplicate of"),
    "caused_by": N_("Caused by"),
    "requested_by": N_("Asked for by"),
}
RELATION_BACK = {
    "relates_to": N_("Related"),
    "duplicate_of": N_("Has a duplicate"),
    "caused_by": N_("Causes"),
    "requested_by": N_("Internal request"),
}
ACTOR = {"router": N_("Routing"), "timekeeper": N_("SLA clocks"), "requester": N_("Requester")}


def word(table: Mapping[str, str], code: str | None) -> str:
    """The words of ``code`` in the reader's language, or the code itself."""
    if not code:
        return ""
    return _(table[code]) if code in table else code


def text(words: Text) -> str:
    return words.in_language(speaking.get())


def line_title(policy: Policy, key: str) -> str:
    return text(policy.lines[key].title) if key in policy.lines else key


def group_title(policy: Policy, line: str, key: str) -> str:
    groups = policy.lines[line].groups if line in policy.lines else ()
    return next((text(group.title) for group in groups if group.key == key), key)


def kind_title(policy: Policy, key: str) -> str:
    return text(policy.kinds[key].title) if key in policy.kinds else key


def plan_title(policy: Policy, key: str) -> str:
    return text(policy.plans[key].title) if key in policy.plans else key


def catalog_title(policy: Policy, path: str) -> str:
    """``Billing › Invoices``: titles from the root to the entry."""
    parts = path.split("/")
    prefixes = ("/".join(parts[: depth + 1]) for depth in range(len(parts)))
    titles = (
        text(policy.catalog[prefix].title) if prefix in policy.catalog else parts[depth]
        for depth, prefix in enumerate(prefixes)
    )
    return " › ".join(title for title in titles if title)


def catalog_leaf(policy: Policy, path: str) -> str:
    """The entry's own title, for narrow columns."""
    return text(policy.catalog[path].title) if path in policy.catalog else path.rpartition("/")[2]


def fields(given: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Answers of a form or an IVR, as (label, value)."""
    return [
        (word(FIELD, key), field_value(value))
        for key, value in given.items()
        if key not in SHOWN_ELSEWHERE and value not in (None, "")
    ]


def field_value(value: Any) -> str:
    """Nested values on one line: ``version 2026-09, at ...``; yes and no for a switch."""
    match value:
        case bool():
            return _("yes") if value else _("no")
        case dict():
            return ", ".join(f"{key} {field_value(each)}" for key, each in value.items())
        case list() | tuple():
            return ", ".join(field_value(each) for each in value)
    return str(value)


def decided(policy: Policy, step: str, outcome: str, agents: Mapping[str, str]) -> str:
    """A decision's outcome in words, where the step names an entity of the policy, or one of the ``agents``."""
    match step:
        case "catalog":
            return catalog_title(policy, outcome) if outcome in policy.catalog else outcome
        case "kind":
            return kind_title(policy, outcome)
        case "line":
            line, _slash, group = outcome.partition("/")
            titles = (line_title(policy, line), group_title(policy, line, group) if group else "")
            return " · ".join(title for title in titles if title)
        case "plan":
            return plan_title(policy, outcome)
        case "assignee":
            return agents.get(outcome, _("Nobody"))
        case "priority":
            return f"{outcome.upper()} {word(PRIORITY, outcome)}" if outcome in PRIORITY else outcome
        case "impact" | "urgency":
            return word(LEVEL, outcome)
        case "clocks":
            return ", ".join(_target_named(part) for part in outcome.split("; "))
    return _(OUTCOMES[outcome]) if outcome in OUTCOMES else outcome


def _target_named(part: str) -> str:
    """``first_response: 2026-11-23 12:00:00 UTC`` -> the target's own words; when it is due the clocks show."""
    name = part.partition(":")[0].strip().replace(" ", "_")
    return word(TARGET, name)


class _Loose(dict[str, str]):
    def __missing__(self, key: str) -> str:
        return "…"


LEFT = {
    "Its agent is away": N_("{agent} is away"),
    "Its agent does not work here any more": N_("{agent} does not work here any more"),
    "Its agent does not work on this line any more": N_("{agent} does not work on this line any more"),
}
"""Why a ticket was taken from its agent: how the router's reason begins -> the same with the agent's name."""


def fact(policy: Policy, entry: HistoryEntry, agents: Mapping[str, str]) -> str:
    """One line of a ticket's history; what a person gave as the reason, or why it was taken from an agent, stands
    behind a dash."""
    template = FACT.get(entry.fact)
    if template is None:
        return entry.fact.removeprefix("ticket.").replace("_", " ").replace(".", " ").capitalize()
    if entry.fact == "ticket.assigned" and entry.detail.get("assignee"):
        template = ASSIGNED
    told = _(template).format_map(_Loose(_readable(policy, entry.detail, agents)))
    reason = entry.detail.get("because") if entry.by.startswith(("agent:", "token:")) else _left(entry, agents)
    return f"{told} — {reason}" if reason else told


def _left(entry: HistoryEntry, agents: Mapping[str, str]) -> str | None:
    why = LEFT.get(re.split("[.:]", str(entry.detail.get("because", "")))[0])
    if why is None or not entry.detail.get("left"):
        return None
    return _(why).format(agent=agents.get(entry.detail["left"], _("An agent")))


def _readable(policy: Policy, detail: Mapping[str, Any], agents: Mapping[str, str]) -> dict[str, str]:
    words = {key: str(value) for key, value in detail.items() if value is not None}
    for key, table in (("channel", CHANNEL), ("old", STATUS), ("new", STATUS), ("target", TARGET)):
        if key in words:
            words[key] = word(table, words[key])
    for key in ("line", "to"):
        if key in words:
            words[key] = f"«{line_title(policy, words[key])}»"
    if "kind" in words:
        words["kind"] = kind_title(policy, words["kind"])
    if "priority" in words:
        words["priority"] = words["priority"].upper()
    if "assignee" in words:
        words["assignee"] = agents.get(words["assignee"], _("An agent"))
    if "flag" in words:
        words["flag"] = word(FLAG, words["flag"])
    if isinstance(whom := detail.get("whom"), list | tuple):
        words["whom"] = ", ".join(word(WHOM, each) for each in whom)
    if "state" in words:
        words["state"] = word({**CLOCK, **DELIVERY}, words["state"])
    for key in ("other", "child"):
        if key in words:
            words[key] = format_number(int(words[key]))
    if isinstance(changed := detail.get("changed"), Mapping):
        words["changed"] = "; ".join(_change(policy, name, pair) for name, pair in changed.items())
    return words


def _change(policy: Policy, name: str, pair: Any) -> str:
    """``Priority: P3 → P2``; of fields their names alone."""
    if name in ("fields", "checks"):
        return f"{word(CHANGED, name)}: {', '.join(word(FIELD, key) for key in pair)}"
    old, new = (_value(policy, name, value) for value in pair)
    return f"{word(CHANGED, name)}: {old} → {new}"


def _value(policy: Policy, name: str, value: str | None) -> str:
    match name:
        case "catalog":
            return catalog_title(policy, value or "")
        case "kind":
            return kind_title(policy, value or "")
        case "line":
            return line_title(policy, value or "")
        case "priority":
            return (value or "").upper()
        case "impact" | "urgency":
            return word(LEVEL, value)
    return value or "—"


def actor(by: str, agents: Mapping[str, str]) -> str:
    """Who did it: a part of the system, the requester, or an agent by name."""
    if by.startswith("agent:"):
        return agents.get(by.removeprefix("agent:"), _("An agent"))
    if by.startswith("token:"):
        return _("Another system")
    return word(ACTOR, by)
