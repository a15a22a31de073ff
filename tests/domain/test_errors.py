"""Errors say whether to try again, and speak with two voices."""

from domain.errors import Conflict, Invalid, NotFound, Permanent, Temporary, Unavailable


def test_a_dependency_that_is_away_is_temporary_and_named_to_the_operator_only() -> None:
    fault = Unavailable("database")
    assert isinstance(fault, Temporary)
    assert (fault.dependency, fault.reason) == ("database", "database is away")
    assert "database" not in fault.public


def test_the_public_voice_is_the_reason_where_no_other_is_given() -> None:
    assert str(Permanent("Attachment type not accepted")) == "Attachment type not accepted"
    fault = Permanent("Attachment type not accepted", reason="exe inside zip", part=3)
    assert (str(fault), fault.public, fault.detail) == ("exe inside zip", "Attachment type not accepted", {"part": 3})


def test_invalid_input_names_its_field_and_never_succeeds() -> None:
    fault = Invalid("email", "is not an address")
    assert isinstance(fault, Permanent)
    assert (fault.field, fault.why, fault.public) == ("email", "is not an address", "email: is not an address")


def test_conflict_and_absence_are_neither_retried_nor_dead_lettered_by_class() -> None:
    for fault in (Conflict("taken"), NotFound("no such ticket")):
        assert not isinstance(fault, Temporary | Permanent)
