"""A policy made ready to decide by, once a revision: its rules compiled and indexed, its goals remembered.

Called by ``router.decide``, ``router.explain`` and the clocks.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from domain.clocks import Target
from domain.policy import Goal, Policy, Rule
from domain.ticket import Priority
from router.conditions import Test, compiled, needs


@dataclass(frozen=True, slots=True)
class ReadyRule:
    rule: Rule
    test: Test


class ReadyRules:
    """All rules in order, and an index of them by the words that they need."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self._ready = tuple(ReadyRule(rule, compiled(rule.when)) for rule in rules)
        self._always: list[int] = []
        self._by_stem: dict[str, list[tuple[frozenset[str], int]]] = {}
        """A phrase's longest stem, which few texts have by chance -> the phrase's stems, and the rule."""
        for number, ready in enumerate(self._ready):
            needed = needs(ready.test)
            if needed is None:
                self._always.append(number)
            for phrase in needed or ():
                self._by_stem.setdefault(max(sorted(phrase), key=len), []).append((phrase, number))
        self._stems = frozenset(self._by_stem)

    def __iter__(self) -> Iterator[ReadyRule]:
        return iter(self._ready)

    def among(self, stems: frozenset[str]) -> Sequence[ReadyRule]:
        """Those that a text with these stems may meet, in order. None of the others is met."""
        numbers = set(self._always)
        for stem in self._stems & stems:
            for phrase, number in self._by_stem[stem]:
                if phrase <= stems:
                    numbers.add(number)
        return [self._ready[number] for number in sorted(numbers)]


_MAX_POLICIES = 4
"""The running policy, its predecessor while it is being replaced, and candidates that someone simulates."""
_MAX_GOALS = 20_000

_Place = tuple[Target, str, Priority, str, str]


@dataclass(frozen=True, slots=True)
class _Ready:
    policy: Policy
    rules: ReadyRules
    goals: dict[_Place, Goal] = field(default_factory=dict)


_ready: dict[int, _Ready] = {}


def rules_of(policy: Policy) -> ReadyRules:
    return _made_ready(policy).rules


def goal_of(policy: Policy, target: Target, *, plan: str, priority: Priority, kind: str, line: str) -> Goal:
    """``policy.goal``, which reads the whole matrix, remembered."""
    goals, place = _made_ready(policy).goals, (target, plan, priority, kind, line)
    found = goals.get(place)
    if found is None:
        if len(goals) >= _MAX_GOALS:
            goals.clear()
        found = goals[place] = policy.goal(target, plan=plan, priority=priority, kind=kind, line=line)
    return found


def _made_ready(policy: Policy) -> _Ready:
    """By the object's identity: a policy is immutable, and the entry keeps it alive, so the id cannot be another's."""
    found = _ready.get(id(policy))
    if found is None:
        while len(_ready) >= _MAX_POLICIES:
            _ready.pop(next(iter(_ready)))
        found = _ready[id(policy)] = _Ready(policy, ReadyRules(policy.rules))
    return found
