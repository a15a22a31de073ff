"""The six statuses: every move that the process knows, and where a requester's message takes a ticket."""

import pytest

from domain.status import MOVES, OPEN, RUNNING, Status, may_move, on_requester_reply

S = Status
ALLOWED = {
    (S.CLASSIFICATION, S.IN_PROGRESS),
    (S.CLASSIFICATION, S.WAITING_REQUESTER),
    (S.CLASSIFICATION, S.FEEDBACK),
    (S.CLASSIFICATION, S.CLOSED),
    (S.IN_PROGRESS, S.CLASSIFICATION),
    (S.IN_PROGRESS, S.WAITING_REQUESTER),
    (S.IN_PROGRESS, S.INTERNAL),
    (S.IN_PROGRESS, S.FEEDBACK),
    (S.WAITING_REQUESTER, S.CLASSIFICATION),
    (S.WAITING_REQUESTER, S.IN_PROGRESS),
    (S.WAITING_REQUESTER, S.FEEDBACK),
    (S.WAITING_REQUESTER, S.CLOSED),
    (S.INTERNAL, S.IN_PROGRESS),
    (S.FEEDBACK, S.IN_PROGRESS),
    (S.FEEDBACK, S.CLOSED),
    (S.CLOSED, S.IN_PROGRESS),
}


@pytest.mark.parametrize("old", Status)
@pytest.mark.parametrize("new", Status)
def test_only_the_known_moves_are_allowed(old: Status, new: Status) -> None:
    assert may_move(old, new) is ((old, new) in ALLOWED)


def test_every_status_can_be_left_and_reached() -> None:
    assert {old for old, targets in MOVES.items() if targets} == set(Status)
    assert set().union(*MOVES.values()) == set(Status)


@pytest.mark.parametrize(
    ("status", "after"),
    [
        (S.CLASSIFICATION, S.CLASSIFICATION),
        (S.IN_PROGRESS, S.IN_PROGRESS),
        (S.WAITING_REQUESTER, S.IN_PROGRESS),
        (S.INTERNAL, S.INTERNAL),
        (S.FEEDBACK, S.IN_PROGRESS),
        (S.CLOSED, S.IN_PROGRESS),
    ],
)
def test_a_requesters_message_takes_the_ticket_back_to_work(status: Status, after: Status) -> None:
    assert on_requester_reply(status) is after
    assert after is status or may_move(status, after)


def test_a_ticket_is_open_until_it_is_closed_and_runs_while_the_customer_waits_for_us() -> None:
    assert set(Status) - OPEN == {S.CLOSED}
    assert set(Status) - RUNNING == {S.WAITING_REQUESTER, S.FEEDBACK, S.CLOSED}
