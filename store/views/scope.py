"""The one place where a reader's scope becomes SQL. Every query over tickets goes through ``visible``."""

from sqlalchemy import ColumnElement, false, true

from domain.views import Scope
from store.recall import tickets


def visible(scope: Scope) -> ColumnElement[bool]:
    """The condition under which a ticket exists for this reader."""
    if scope.lines is None:
        return true()
    if not scope.lines:
        return false()
    return tickets.c.line.in_(sorted(scope.lines))
