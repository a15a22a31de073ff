"""The router's English sentences in the reader's language.

A decision keeps its reasons in plain English, the same for scripts and people. Here each sentence is recognised by its
template and said again; names of lines, kinds, plans and services become their titles. A reason with a sentence that is
not known is shown as it stands: English is better than half a translation.
"""

import re
from collections.abc import Callable
from functools import cache

from desk import words
from desk.i18n import N_, speaking
from desk.i18n import gettext as _
from domain.policy import Policy

SENTENCES = (
    N_("Rule {rule} ({where}) matched: {why}."),
    N_("Rule {rule} matched: {why}."),
    N_("The sender's domain check (DMARC) failed, so the address says nothing about who wrote."),
    N_("The sender's card belongs to {organization}."),
    N_("The lookup names {organization}."),
    N_("{domain} is a public mail provider, so the domain names no organisation."),
    N_("The mail domain {domain} belongs to {organization}."),
    N_("Nothing links this sender to an organisation."),
    N_("The sender's domain check (DMARC) failed, so nothing in the message may join it to a ticket."),
    N_("The ticket token is not one of ours, so nothing in the message may join it to a ticket."),
    N_("The message carries the signed token of {number}."),
    N_("The sender is not a participant of it."),
    N_("The same sender's conversation is {number}."),
    N_("It is of the call that {number} was made of."),
    N_("It answers a message of {number}, and the sender is a participant of it."),
    N_("It carries the signed token of {number}, but the sender is not a participant of that ticket."),
    N_("It answers a message of {number}, but the sender is not a participant of that ticket."),
    N_("It belongs to {number}, which was closed more than {days} days ago."),
    N_("It seems to belong to {number}, but the policy asks for a passed domain check (DMARC) and there is none."),
    N_("Its token is of {number}, which is not there any more."),
    N_("Nothing links it to a ticket that exists."),
    N_("It is reopened."),
    N_("The message points to it, but that alone does not join it."),
    N_("The subject names it; a number alone joins nothing."),
    N_("The requester chose it."),
    N_("The requester chose {chosen}, which the policy does not have."),
    N_("Mail to {address} starts from it."),
    N_("No rule named an entry, so it is the default."),
    N_("It is the usual kind for {entry}."),
    N_("No rule named a kind, so it is the default."),
    N_("Impact is {level}, as usual for kind {kind}."),
    N_("Urgency is {level}, as usual for kind {kind}."),
    N_("Impact is {level}."),
    N_("Urgency is {level}."),
    N_("The matrix gives {priority} for the two."),
    N_("Plan {plan} raises it to {priority}."),
    N_("Without an organisation the plan is the default, {plan}."),
    N_("{organization} has a contract in force."),
    N_("{organization} has no contract, so the plan is the default, {plan}."),
    N_("The contract of {organization} begins on {since}, so the plan is the default, {plan}."),
    N_(
        "The contract of {organization} runs from {since} to {until} and is not in force, so the plan is the default, "
        "{plan}."
    ),
    N_("Kind {kind} goes to line {line}."),
    N_("Catalog entry {entry} belongs to line {line}."),
    N_("The policy has no line {unknown}, so line {line} takes it."),
    N_("Group {group} looks after {entry}."),
    N_("Plan {plan} promises no {target} for {priority} (cell {cell})."),
    N_("Plan {plan} promises the {target} within {span} (cell {cell}) of calendar {calendar}."),
    N_("Line {line} passes it on within {span} (cell {cell}) of calendar {calendar}."),
    N_("Catalog entry {entry} is for {audiences}, and the requester is not among them."),
    N_("Catalog entry {entry} takes no new requests."),
    N_("It goes to {entry}."),
    N_("It stays there."),
    N_("On {entry} plan {plan} is replaced by {other_plan}."),
    N_("Plan {plan} is for named contacts, and the sender is none, so the plan is {other_plan}."),
    N_("Plan {plan} is for senders of the organisation's own domains, and this is none, so the plan is {other_plan}."),
    N_("Plan {plan} does not include {channel}, so the plan is {other_plan}."),
    N_("It is request {count} of {limit} that plan {plan} includes this month."),
    N_("Plan {plan} includes {limit} requests a month, and {count} were made."),
    N_("Plan {plan} includes {limit} h of work a month, and {span} were worked."),
    N_("It is served by plan {plan}."),
    N_("Somebody has to agree first."),
    N_("Impact is {level}, as the requester's {answer} says."),
    N_("Urgency is {level}, as the requester's {answer} says."),
    N_("The requester is a VIP, which raises it to {priority}."),
    N_("The same was asked in {number} lately, which raises it to {priority}."),
    N_("The requester pays for a raise, which plan {plan} includes: {priority}."),
    N_("Agents of line {line} take tickets themselves."),
    N_("None of the {count} agents of line {line} could have it now."),
    N_("It is the customer's own engineer."),
    N_("It is the agent of the requester's last ticket."),
    N_("It is the agent whose last ticket was given the longest ago."),
    N_("It is the agent with the least in hand, {count}."),
    N_("{count} of {limit} agents of line {line} could have it."),
    N_("{number} asks for it, inside the house."),
    N_("Alerts of account {account} start from it."),
    N_("The policy has alerts start from it."),
    N_("The policy gives it to alerts."),
    N_("Impact is {level}, as the policy has it for alerts of this severity."),
    N_("Urgency is {level}, as the policy has it for alerts of this severity."),
    N_("It fires."),
    N_("The alert is resolved."),
    N_("Nobody has done anything about it, so that it closes by itself."),
    N_("The ticket stays as it is."),
    N_("{number}, a monitoring alert in work, is about catalog entry {entry} too, so that it is linked to it."),
    N_("{number}, a monitoring alert in work, is about product {product} too, so that it is linked to it."),
    N_("Its agent is away."),
    N_("Its agent is away:"),
    N_("Its agent does not work here any more."),
    N_("Its agent does not work here any more:"),
    N_("Its agent does not work on this line any more."),
    N_("Its agent does not work on this line any more:"),
)
CLAUSES = (
    N_("{field} has the words «{value}»"),
    N_("{field} has none of the words {values}"),
    N_("{field} is under none of {values}"),
    N_("{field} is under «{value}»"),
    N_("{field} is in none of {values}"),
    N_("{field} is in «{value}»"),
    N_("{field} is none of {values}"),
    N_("{field} is «{value}»"),
    N_("{field} contains none of {values}"),
    N_("{field} contains «{value}»"),
    N_("{field} is there"),
    N_("{field} is absent"),
    N_("nothing that excludes it was found"),
    N_("it always matches"),
    N_("could have it"),
    N_("has it already"),
    N_("is not in group {group}"),
    N_("does not serve this requester's audience"),
    N_("is away"),
    N_("is on a break"),
    N_("is not on shift (calendar {calendar})"),
    N_("has skill {skill} at {level}, and {least} is needed"),
    N_("has {count} of {limit} in hand"),
)
FIELDS = {
    "channel": N_("the channel"),
    "account": N_("the mailbox"),
    "adapter": N_("the entrance"),
    "recipient": N_("the recipient"),
    "language": N_("the language"),
    "subject": N_("the subject"),
    "body": N_("the text"),
    "text": N_("the subject or the text"),
    "sender.domain": N_("the sender's domain"),
    "organization": N_("the organisation"),
    "plan": N_("the plan"),
    "segment": N_("the segment"),
    "catalog": N_("the service"),
    "attachment.type": N_("the attachment's type"),
    "attachment.name": N_("the attachment's name"),
    "ivr.digits": N_("what was typed into the telephone menu"),
    "ivr.path": N_("the way through the telephone menu"),
    "ivr.product": N_("the product named in the telephone menu"),
    "ivr.confidence": N_("how surely the speech was recognised"),
    "alert.severity": N_("the alert's severity"),
    "alert.product": N_("the alert's product"),
    "alert.status": N_("the alert's status"),
}


def because(policy: Policy, sentences: str) -> tuple[str, str]:
    """(the reason, the language it is in)."""
    language = speaking.get()
    if language == "en":
        return sentences, "en"
    said: list[str] = []
    rest = sentences.strip()
    while rest:
        found = _first(policy, rest)
        if found is None:
            return sentences, "en"
        said.append(found[0])
        rest = rest[found[1] :].lstrip()
    return " ".join(said), language


def tried(why: str) -> tuple[str, str]:
    """The same for a rule's clauses: joined by ``and``, or by semicolons; and for what it came too late to set."""
    language = speaking.get()
    if language == "en":
        return why, "en"
    met, _but, late = why.partition("; but ")
    if late:
        clauses = [_late(each) for each in late.split(" and ")]
        said, spoken = tried(met)
        return (
            (why, "en") if spoken == "en" or not all(clauses) else (f"{said}; {'; '.join(map(str, clauses))}", spoken)
        )
    both = _("and")
    for joint, glue in (("\0", ""), ("; ", "; "), (" and ", f" {both} ")):
        parts = [_clause(part) for part in why.split(joint)]
        if all(parts):
            return glue.join(part for part in parts if part), language
    return why, "en"


_LATE = re.compile(r"(\w+) was set by (?:rule (\S+)|the requester)")


def _late(clause: str) -> str | None:
    found = _LATE.fullmatch(clause)
    if found is None:
        return None
    what = words.word(words.STEP, found[1]).lower()
    if found[2] is None:
        return _("but {what} was chosen by the requester").format(what=what)
    return _("but {what} was set by rule {rule}").format(what=what, rule=found[2])


_KEY = r"[\w./-]+?"
_SHAPES = {
    **dict.fromkeys(("rule", "kind", "plan", "line", "entry", "group", "level", "priority", "cell", "calendar"), _KEY),
    "target": "[a-z ]+?",
    "other_plan": _KEY,
    "channel": _KEY,
    "count": _KEY,
    "limit": _KEY,
    "number": r"T-\d+",
    "field": r"[\w.-]+",
    "value": "[^»]*",
    "values": r"«[^»]*»(?:, «[^»]*»)*(?: and \d+ more)?",
}
"""What a name in a template may stand for, where it is not just anything."""


@cache
def _pattern(template: str, whole: bool) -> re.Pattern[str]:
    parts = re.split(r"\{(\w+)\}", template)
    body = "".join(
        f"(?P<{part}>{_SHAPES.get(part, '.+?')})" if place % 2 else re.escape(part) for place, part in enumerate(parts)
    )
    return re.compile(body + (r"\Z" if whole else r"(?=\s|\Z)"), re.DOTALL)


def _first(policy: Policy, rest: str) -> tuple[str, int] | None:
    """The sentence at the beginning, said again, and where it ends."""
    for template in SENTENCES:
        if found := _pattern(template, whole=False).match(rest):
            values = {name: _named(policy, name, value) for name, value in found.groupdict().items()}
            return _(template).format(**values), found.end()
    return None


def _named(policy: Policy, name: str, value: str) -> str:
    titles: dict[str, Callable[[], str]] = {
        "line": lambda: f"«{words.line_title(policy, value)}»",
        "kind": lambda: f"«{words.kind_title(policy, value)}»",
        "plan": lambda: f"«{words.plan_title(policy, value)}»",
        "other_plan": lambda: f"«{words.plan_title(policy, value)}»",
        "channel": lambda: words.word(words.CHANNEL, value),
        "entry": lambda: f"«{words.catalog_title(policy, value)}»",
        "priority": value.upper,
        "level": lambda: words.word(words.LEVEL, value),
        "target": lambda: words.word(words.TARGET, value.replace(" ", "_")).lower(),
        "span": lambda: re.sub(r"[a-z]+", lambda unit: _(unit[0]), value),
        "why": lambda: tried(value)[0],
    }
    return titles[name]() if name in titles else value


def _clause(part: str) -> str | None:
    prefix = "excluded, since "
    if part.startswith(prefix):
        inner = _clause(part.removeprefix(prefix))
        return _("excluded, since {}").format(inner) if inner else None
    for template in CLAUSES:
        if found := _pattern(template, whole=True).match(part):
            values = found.groupdict()
            if "field" in values:
                values["field"] = _field(values["field"])
            if "values" in values:
                values["values"] = re.sub(r" and (\d+) more$", _and_more, values["values"])
            return _(template).format(**values)
    return None


def _and_more(found: re.Match[str]) -> str:
    return " " + _("and {} more").format(found[1])


def _field(name: str) -> str:
    return _(FIELDS[name]) if name in FIELDS else f"«{name.removeprefix('fields.')}»"
