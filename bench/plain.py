"""The yardstick for the rule machine: a policy's rules written out as one function of plain ``if`` statements.

``written_out`` gives what somebody would have typed by hand had the rules never been data: the same tests over the same
stems, in the same order, compiled by Python itself. It takes the place of ``router.steps.classify.apply_rules``.
"""

from collections.abc import Callable, Sequence
from typing import Any

from domain.policy import Condition, Rule
from router.compiled import ReadyRule
from router.features import Features
from router.steps.classify import Hit, Hits
from router.words import stems

Matching = Callable[[Features, bool], Hits]

_HEAD = """
def matching(features, chosen):
    message, organization = features.message, features.organization
    text, run = features.words("text").known, features.words("text").run
    channel, plan = message.channel.casefold(), features.plan.casefold()
    domain = message.sender.address.rpartition("@")[2].lower()
    segment = organization.segment.casefold() if organization else None
    catalog = features.catalog
    names = [each.name.casefold() for each in message.attachments]
    types = [each.media_type.casefold() for each in message.attachments]
    hits = {}
    free_catalog = not chosen
    free_kind = free_impact = free_urgency = free_priority = free_line = free_group = True
    free_suppress = free_let_through = True
"""
_ONE = {"channel": "channel", "plan": "plan", "sender.domain": "domain", "segment": "segment", "catalog": "catalog"}
_SEVERAL = {"attachment.name": "names", "attachment.type": "types"}
_WORDS = {"text": ("text", "run"), "subject": ("features.words('subject').known", "features.words('subject').run")}


def written_out(rules: Sequence[ReadyRule]) -> Matching:
    """Raises ``SystemExit`` for a condition that no rule of the sample has had so far."""
    lines = [_HEAD]
    for number, ready in enumerate(rules):
        lines += _rule(number, ready.rule)
    lines.append("    features.catalog = catalog\n    return hits\n")
    scope: dict[str, Any] = {"Hit": Hit, "ready": tuple(rules)}
    exec(compile("\n".join(lines), "<rules written out>", "exec"), scope)
    found: Matching = scope["matching"]
    return found


def _rule(number: int, rule: Rule) -> list[str]:
    free = " or ".join(f"free_{key}" for key in rule.sets)
    lines = [f"    if {free}:", f"        if {_test(rule.when)}:"]
    for key, value in rule.sets.items():
        sets = f"hits[{key!r}] = Hit({value!r}, ready[{number}]); free_{key} = False"
        lines += [f"            if free_{key}:", f"                {sets}"]
        if key == "catalog":
            lines.append(f"                catalog = {value!r}")
    return lines


def _test(condition: Condition) -> str:
    if condition.op in ("all", "any"):
        joined = (" and " if condition.op == "all" else " or ").join(map(_test, condition.children))
        return f"({joined})"
    if condition.op == "none":
        return f"not ({' or '.join(map(_test, condition.children))})"
    field, values = condition.field or "", [str(value).casefold() for value in condition.values]
    if condition.op == "words":
        return f"({' or '.join(_phrase(field, stems(str(raw))) for raw in condition.values)})"
    if field.startswith("fields."):
        return _leaf(condition.op, f"str(message.fields.get({field[7:]!r}, '')).casefold()", values)
    if field in _ONE:
        return _leaf(condition.op, _ONE[field], values)
    if field in _SEVERAL:
        return f"any({_leaf(condition.op, 'each', values)} for each in {_SEVERAL[field]})"
    raise SystemExit(f"the bench cannot write out a rule over {field}")


def _phrase(field: str, phrase: tuple[str, ...]) -> str:
    known, run = _WORDS[field]
    if len(phrase) == 1:
        return f"{phrase[0]!r} in {known}"
    return f"({max(phrase, key=len)!r} in {known} and {' ' + ' '.join(phrase) + ' '!r} in {run})"


def _leaf(op: str, held: str, values: Sequence[str]) -> str:
    ways = {
        "is": "{held} == {value!r}",
        "in": "{held} == {value!r}",
        "contains": "{value!r} in {held}",
        "under": "({held} is not None and ({held} == {value!r} or {held}.startswith({below!r})))",
        "domain": "({held} == {value!r} or {held}.endswith({sub!r}))",
    }
    if op not in ways:
        raise SystemExit(f"the bench cannot write out the operation {op}")
    parts = (ways[op].format(held=held, value=value, below=f"{value}/", sub=f".{value}") for value in values)
    return f"({' or '.join(parts)})"
