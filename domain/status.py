"""A ticket's six statuses and the moves between them. Anything finer is a substatus of one of the six."""

from enum import StrEnum


class Status(StrEnum):
    """B4 of the requirements: the status model of a real three-line department."""

    CLASSIFICATION = "classification"
    IN_PROGRESS = "in_progress"
    WAITING_REQUESTER = "waiting_requester"
    INTERNAL = "internal"
    FEEDBACK = "feedback"
    CLOSED = "closed"


_S = Status
MOVES: dict[Status, frozenset[Status]] = {
    _S.CLASSIFICATION: frozenset({_S.IN_PROGRESS, _S.WAITING_REQUESTER, _S.FEEDBACK, _S.CLOSED}),
    _S.IN_PROGRESS: frozenset({_S.CLASSIFICATION, _S.WAITING_REQUESTER, _S.INTERNAL, _S.FEEDBACK}),
    _S.WAITING_REQUESTER: frozenset({_S.CLASSIFICATION, _S.IN_PROGRESS, _S.FEEDBACK, _S.CLOSED}),
    _S.INTERNAL: frozenset({_S.IN_PROGRESS}),
    _S.FEEDBACK: frozenset({_S.IN_PROGRESS, _S.CLOSED}),
    _S.CLOSED: frozenset({_S.IN_PROGRESS}),
}
"""Where a ticket may go from each status. A move that is not here is refused whoever asks."""

OPEN: frozenset[Status] = frozenset(Status) - {_S.CLOSED}
RUNNING: frozenset[Status] = frozenset({_S.CLASSIFICATION, _S.IN_PROGRESS, _S.INTERNAL})
"""Statuses in which the customer waits for us: their SLA clocks run."""


def may_move(old: Status, new: Status) -> bool:
    """Whether the process knows the move at all; required data is checked by the kind."""
    return new in MOVES[old]


def on_requester_reply(status: Status) -> Status:
    """Where a message of the requester takes the ticket.

    Waiting, feedback and closed tickets go back to work; a ticket that is in work stays as it is.
    """
    if status in (_S.WAITING_REQUESTER, _S.FEEDBACK, _S.CLOSED):
        return _S.IN_PROGRESS
    return status
