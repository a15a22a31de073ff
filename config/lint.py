"""What the shape of the files cannot say: references, completeness, contradictions, what can never have its turn.

Called by ``config.loader`` with the files that could be read; a check that needs a file that could not is left out,
since every other answer would be a guess. The checks stand by subject in the modules ``config.lint_*``.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence

from config import (
    lint_catalog,
    lint_head,
    lint_kinds,
    lint_lines,
    lint_outside,
    lint_plans,
    lint_reactions,
    lint_rules,
    lint_staff,
)
from config.bundle import Bundle
from config.documents import Document
from config.names import Fault, Names
from config.problems import Problem
from domain.people import Agent

Check = Callable[[Bundle, Names], Iterator[Fault]]

CHECKS: tuple[Check, ...] = (
    lint_head.defaults,
    lint_head.matrix,
    lint_head.adjustments,
    lint_head.alerts,
    lint_lines.lines,
    lint_lines.calendars,
    lint_plans.plans,
    lint_plans.quotas,
    lint_plans.cells,
    lint_catalog.audiences,
    lint_catalog.catalog,
    lint_kinds.kinds,
    lint_rules.rules,
    lint_reactions.reactions,
    lint_reactions.circles,
    lint_outside.mail,
    lint_outside.forms,
    lint_outside.letters,
)

DOUBTS: tuple[Check, ...] = (
    lint_lines.gaps,
    lint_staff.lines,
    lint_staff.skills,
    lint_staff.audiences,
    lint_catalog.doubtful_kinds,
    lint_reactions.doubtful_shares,
    lint_outside.doubtful_mail,
    lint_outside.doubtful_forms,
)
"""What compiles, and is hardly meant."""


def lint(bundle: Bundle, sources: Mapping[str, Document], staff: Sequence[Agent] | None = None) -> Iterator[Problem]:
    """``staff``: the agents of an instance; None leaves out what asks about them."""
    names = Names(bundle, staff)
    for check in CHECKS:
        for file, path, message in check(bundle, names):
            yield sources[file].problem(path, message)
    for check in DOUBTS:
        for file, path, message in check(bundle, names):
            yield sources[file].problem(path, message, "warning")
