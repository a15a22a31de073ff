"""Conditions of the policy, compiled: the words stemmed, the values folded, each test a method call.

Called by ``router.compiled`` once a policy revision. ``found`` answers fast; ``why`` says the same in words and is
called only for what hit, and for explanations.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from domain.policy import Condition
from router.features import Features, folded
from router.words import stems

_MAX_LISTED = 6


class Test(Protocol):
    def found(self, features: Features) -> Any:
        """What of the policy was met, never None; None where nothing was."""
        ...

    def why(self, features: Features) -> str:
        """One clause: what was found, or what is missing."""
        ...


@dataclass(frozen=True, slots=True)
class All:
    children: tuple[Test, ...]

    def found(self, features: Features) -> Any:
        for child in self.children:
            if child.found(features) is None:
                return None
        return True

    def why(self, features: Features) -> str:
        if not self.children:
            return "it always matches"
        missing = next((child for child in self.children if child.found(features) is None), None)
        return missing.why(features) if missing else " and ".join(child.why(features) for child in self.children)


@dataclass(frozen=True, slots=True)
class Either:
    children: tuple[Test, ...]

    def found(self, features: Features) -> Any:
        for child in self.children:
            hit = child.found(features)
            if hit is not None:
                return hit
        return None

    def why(self, features: Features) -> str:
        hit = next((child for child in self.children if child.found(features) is not None), None)
        return hit.why(features) if hit else "; ".join(child.why(features) for child in self.children)


@dataclass(frozen=True, slots=True)
class Neither:
    children: tuple[Test, ...]

    def found(self, features: Features) -> Any:
        for child in self.children:
            if child.found(features) is not None:
                return None
        return True

    def why(self, features: Features) -> str:
        hit = next((child for child in self.children if child.found(features) is not None), None)
        return f"excluded, since {hit.why(features)}" if hit else "nothing that excludes it was found"


@dataclass(frozen=True, slots=True)
class HasWords:
    field: str
    phrases: tuple[tuple[frozenset[str], str, str], ...]
    """(stems, run, the policy's own words): what must be in a text, and how it must stand there; a single word may
    stand anywhere."""

    def found(self, features: Features) -> Any:
        words = features.words(self.field)
        for needed, run, raw in self.phrases:
            if needed <= words.known and run in words.run:
                return raw
        return None

    def why(self, features: Features) -> str:
        hit = self.found(features)
        if hit is not None:
            return f"{self.field} has the words «{hit}»"
        return f"{self.field} has none of the words {_listed(tuple(raw for _, _, raw in self.phrases))}"


@dataclass(frozen=True, slots=True)
class Leaf:
    """The sentence names the policy's value, never the message's own, so that a decision holds nothing personal."""

    field: str
    values: tuple[Any, ...]
    meets: Callable[[Any, Any], bool]
    """(what the message holds, what the policy asks for) -> whether it does; both folded."""
    says: str

    def found(self, features: Features) -> Any:
        for held in features.folded(self.field):
            for wanted in self.values:
                if self.meets(held, wanted):
                    return wanted
        return None

    def why(self, features: Features) -> str:
        hit = self.found(features)
        return f"{self.field} {self.says} «{hit}»" if hit is not None else self._missing()

    def _missing(self) -> str:
        return f"{self.field} {self.says} none of {_listed(self.values)}"


@dataclass(frozen=True, slots=True)
class Present:
    field: str
    wanted: bool

    def found(self, features: Features) -> Any:
        return True if bool(features.values(self.field)) is self.wanted else None

    def why(self, features: Features) -> str:
        return f"{self.field} is {'there' if features.values(self.field) else 'absent'}"


def compiled(condition: Condition) -> Test:
    """Raises ``ValueError`` for an operation that is not there, which the policy's check has refused before."""
    branch = _BRANCHES.get(condition.op)
    if branch is not None:
        return branch(tuple(compiled(child) for child in condition.children))
    field = condition.field or ""
    if condition.op == "words":
        cut = ((stems(str(raw)), str(raw)) for raw in condition.values)
        return HasWords(field, tuple((frozenset(each), _run(each), raw) for each, raw in cut if each))
    if condition.op == "present":
        return Present(field, bool(condition.values[0]))
    if condition.op not in _LEAVES:
        raise ValueError(f"unknown operation {condition.op}")
    meets, says = _LEAVES[condition.op]
    return Leaf(field, tuple(map(folded, condition.values)), meets, says)


def _run(phrase: tuple[str, ...]) -> str:
    return f" {' '.join(phrase)} " if len(phrase) > 1 else ""


Needs = frozenset[frozenset[str]]


def needs(test: Test) -> Needs | None:
    """Sets of stems, one of which is wholly in subject and body wherever the test is met; None where it may be met
    without."""
    match test:
        case HasWords():
            return frozenset(needed for needed, _, _ in test.phrases)
        case All():
            asked = [each for each in map(needs, test.children) if each is not None]
            return min(asked, key=len, default=None)
        case Either():
            every = [needs(child) for child in test.children]
            return None if None in every else frozenset().union(*filter(None, every))
    return None


def _equal(held: Any, wanted: Any) -> bool:
    if isinstance(held, str) and isinstance(wanted, str):
        return held == wanted
    # True must not count as 1; a number may come as text from a form.
    if isinstance(held, bool) or isinstance(wanted, bool):
        return held is wanted
    return bool(held == wanted) or str(held) == str(wanted)


def _contains(held: Any, wanted: Any) -> bool:
    return str(wanted) in str(held)


def _under(held: Any, wanted: Any) -> bool:
    return held == wanted or str(held).startswith(f"{wanted}/")


def _domain(held: Any, wanted: Any) -> bool:
    return held == wanted or str(held).endswith(f".{wanted}")


def _listed(values: tuple[Any, ...]) -> str:
    shown = ", ".join(f"«{value}»" for value in values[:_MAX_LISTED])
    return f"{shown} and {len(values) - _MAX_LISTED} more" if len(values) > _MAX_LISTED else shown


_BRANCHES: dict[str, Callable[[tuple[Test, ...]], Test]] = {"all": All, "any": Either, "none": Neither}
_LEAVES: dict[str, tuple[Callable[[Any, Any], bool], str]] = {
    "is": (_equal, "is"),
    "in": (_equal, "is"),
    "contains": (_contains, "contains"),
    "under": (_under, "is under"),
    "domain": (_domain, "is in"),
}
