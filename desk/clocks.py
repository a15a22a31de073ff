"""A ticket's clocks as they stand at the moment of looking. Called by the ticket's page and the API."""

from dataclasses import replace
from datetime import datetime

from domain.clocks import as_of
from domain.policy import Policy
from domain.views import TicketView


def with_clocks(ticket: TicketView, policy: Policy, now: datetime) -> TicketView:
    """A clock whose calendar the running policy does not have any more stays as it was kept."""
    calendars = policy.calendars
    return replace(
        ticket,
        clocks=tuple(as_of(c, calendars[c.calendar], now) if c.calendar in calendars else c for c in ticket.clocks),
    )
