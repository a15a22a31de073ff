"""The one place where a reader's scope becomes SQL. Every query over tickets goes through ``visible``."""

from collections.abc import Iterator

from sqlalchemy import ColumnElement, Text, and_, false, or_, true, type_coerce

from domain.views import Scope
from store.recall import tickets


def visible(scope: Scope) -> ColumnElement[bool]:
    """The condition under which a ticket exists for this reader: ``Scope.sees``, said to the database."""
    if scope.lines is None:
        return true()
    if not scope.lines:
        return false()
    on_lines = tickets.c.line.in_(sorted(scope.lines))
    narrowed = tuple(_narrowed(scope, scope.lines))
    # The lines stand outside of the OR, so that the queue's index is still of use.
    return and_(on_lines, or_(tickets.c.assignee_id == scope.reader, and_(*narrowed))) if narrowed else on_lines


def _narrowed(scope: Scope, lines: frozenset[str]) -> Iterator[ColumnElement[bool]]:
    """What a ticket of the lines that is not the reader's own has to meet."""
    if in_part := sorted(lines & scope.own_only):
        yield or_(tickets.c.assignee_id.is_(None), tickets.c.line.not_in(in_part))
    for line in sorted({on for on, _ in scope.groups} & lines):
        own = tickets.c.group.in_(sorted(scope.groups_on(line)))
        yield or_(tickets.c.line != line, tickets.c.group.is_(None), own)
    if scope.audiences:
        yield or_(*(_met(key) for key in sorted(scope.audiences)))


def _met(audience: str) -> ColumnElement[bool]:
    """Keys are lower case and have no quote, so that the quoted one stands in the JSON list if it is an item of it."""
    return type_coerce(tickets.c.audiences, Text).contains(f'"{audience}"', autoescape=True)
