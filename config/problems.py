"""Faults of a policy, each with the file, line and key where people find it. Made by every check in ``config``."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from domain.errors import Fault

Severity = Literal["error", "warning"]
Path = tuple[str | int, ...]
"""The way to a value in a document: keys and list positions."""


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Problem:
    """``line`` counts from 1; 0 where the file itself is at fault. ``key`` reads ``rules[2].set.line``."""

    file: str
    line: int
    key: str
    message: str
    severity: Severity = "error"

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}" if self.line else self.file
        return f"{where}: {self.key}: {self.message}" if self.key else f"{where}: {self.message}"


class PolicyInvalid(Fault):
    """The documents do not make a policy; ``problems`` has everything that is wrong, warnings included."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        errors = [problem for problem in self.problems if problem.severity == "error"]
        super().__init__(
            f"The policy has {len(errors)} fault(s)", reason="; ".join(str(problem) for problem in errors[:20])
        )


def dotted(path: Path) -> str:
    """``("rules", 2, "set")`` -> ``rules[2].set``."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text
