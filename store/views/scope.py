"""The one place where a reader's scope becomes SQL. Every query over tickets goes through ``visible``."""

from sqlalchemy import ColumnElement, and_, false, or_, true

from domain.views import Scope
from store.recall import tickets


def visible(scope: Scope) -> ColumnElement[bool]:
    """The condition under which a ticket exists for this reader: ``Scope.sees``, said to the database."""
    if scope.lines is None:
        return true()
    if not scope.lines:
        return false()
    whole = tickets.c.line.in_(sorted(scope.lines - scope.own_only))
    in_part = scope.lines & scope.own_only
    if not in_part:
        return whole
    mine = or_(tickets.c.assignee_id == scope.reader, tickets.c.assignee_id.is_(None))
    return or_(whole, and_(tickets.c.line.in_(sorted(in_part)), mine))
