"""A policy's rules made ready to match, once a revision. Called by ``router.decide`` and ``router.explain``."""

from dataclasses import dataclass

from domain.policy import Policy, Rule
from router.conditions import Test, compiled


@dataclass(frozen=True, slots=True)
class ReadyRule:
    rule: Rule
    test: Test


_MAX_REMEMBERED = 4
"""The running policy, its predecessor while it is being replaced, and candidates that someone simulates."""
_ready: dict[int, tuple[Policy, tuple[ReadyRule, ...]]] = {}


def rules_of(policy: Policy) -> tuple[ReadyRule, ...]:
    """By the object's identity: a policy is immutable, and the entry keeps it alive, so the id cannot be another's."""
    found = _ready.get(id(policy))
    if found is not None:
        return found[1]
    rules = tuple(ReadyRule(rule, compiled(rule.when)) for rule in policy.rules)
    while len(_ready) >= _MAX_REMEMBERED:
        _ready.pop(next(iter(_ready)))
    _ready[id(policy)] = (policy, rules)
    return rules
