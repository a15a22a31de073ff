"""Each operation on each sort of field, and the sentence that says why."""

from dataclasses import replace
from typing import Any

import pytest

from domain.message import Alert, Attachment, Call, Message
from domain.policy import FIELDS, Condition
from router.conditions import compiled
from router.features import Features
from tests.router.make import ANNA, automatic, message, organization
from tests.router.policies import is_, words

PICTURE = Attachment(blob="0" * 64, name="Экран.PNG", size=1, media_type="image/png")
MAIL = message(
    "Не работает печать счетов. Спасибо",
    "Ошибка 404",
    language="ru",
    attachments=(PICTURE,),
    automatic=automatic("bulk"),
    recipients=("Support@example.org", "sales@example.org"),
    fields={"version": "8.3", "seats": 5, "paid": True, "tags": ["a", "B"], "empty": ""},
)


def features(of: Message = MAIL, catalog: str | None = "stock/counting") -> Features:
    return Features(of, organization=organization(), plan="premium", catalog=catalog)


def leaf(op: str, field: str, *values: Any) -> Condition:
    return Condition(op=op, field=field, values=values)


@pytest.mark.parametrize(
    ("condition", "holds", "why"),
    [
        (words("печать счёта"), True, "text has the words «печать счёта»"),
        (words("счёт печати", "ошибки"), True, "text has the words «ошибки»"),
        (words("404 не"), False, "text has none of the words «404 не»"),  # never across subject and body
        (words("ошибка", field="body"), False, "body has none of the words «ошибка»"),
        (words("ошибка", field="subject"), True, "subject has the words «ошибка»"),
        (words("a", "b", "c", "d", "e", "f", "g"), False, "«f» and 1 more"),
        (is_("channel", "EMAIL"), True, "channel is «email»"),
        (is_("channel", "form"), False, "channel is none of «form»"),
        (leaf("in", "channel", "form", "email"), True, "channel is «email»"),
        (is_("recipient", "sales@example.org"), True, "recipient is «sales@example.org»"),
        (is_("plan", "premium"), True, "plan is «premium»"),
        (is_("organization", "Romashka"), True, "organization is «romashka»"),
        (is_("segment", "internal"), False, "segment is none of «internal»"),
        (is_("automatic", "bulk"), True, "automatic is «bulk»"),
        (is_("language", "en"), False, "language is none of «en»"),
        (is_("attachment.type", "image/png"), True, "attachment.type is «image/png»"),
        (leaf("contains", "attachment.name", ".png"), True, "attachment.name contains «.png»"),
        (leaf("contains", "text", "404"), True, "text contains «404»"),
        (leaf("contains", "text", "405", "406"), False, "text contains none of «405», «406»"),
        (leaf("domain", "sender.domain", "example"), True, "sender.domain is in «example»"),
        (leaf("domain", "sender.domain", "mashka.example"), False, "sender.domain is in none of «mashka.example»"),
        (leaf("under", "catalog", "stock"), True, "catalog is under «stock»"),
        (leaf("under", "catalog", "stock/count"), False, "catalog is under none of «stock/count»"),
        (leaf("present", "fields.version", True), True, "fields.version is there"),
        (leaf("present", "fields.empty", True), False, "fields.empty is absent"),
        (leaf("present", "fields.other", False), True, "fields.other is absent"),
        (is_("fields.version", "8.3"), True, "fields.version is «8.3»"),
        (is_("fields.seats", 5), True, "fields.seats is «5»"),
        (is_("fields.seats", "5"), True, "fields.seats is «5»"),
        (is_("fields.paid", True), True, "fields.paid is «True»"),
        (is_("fields.paid", 1), False, "fields.paid is none of «1»"),
        (is_("fields.tags", "b"), True, "fields.tags is «b»"),
        (Condition(op="all"), True, "it always matches"),
        (Condition(op="any"), False, ""),
    ],
)
def test_a_condition_holds_and_says_why(condition: Condition, holds: bool, why: str) -> None:
    test = compiled(condition)
    assert (test.found(features()) is not None) is holds
    assert why in test.why(features())


YES, NO = is_("channel", "email"), is_("channel", "form")


@pytest.mark.parametrize(
    ("op", "children", "holds", "why"),
    [
        ("all", (YES, YES), True, "channel is «email» and channel is «email»"),
        ("all", (YES, NO), False, "channel is none of «form»"),
        ("any", (NO, YES), True, "channel is «email»"),
        ("any", (NO, NO), False, "channel is none of «form»; channel is none of «form»"),
        ("none", (NO, NO), True, "nothing that excludes it was found"),
        ("none", (NO, YES), False, "excluded, since channel is «email»"),
    ],
)
def test_branches(op: str, children: tuple[Condition, ...], holds: bool, why: str) -> None:
    test = compiled(Condition(op=op, children=children))
    assert (test.found(features()) is not None, test.why(features())) == (holds, why)


@pytest.mark.parametrize("field", FIELDS)
def test_every_field_that_the_policy_may_name_can_be_read(field: str) -> None:
    full = features(replace(MAIL, call=CALL, alert=ALERT))
    assert full.values(field)
    assert compiled(Condition(op="present", field=field, values=(True,))).found(full) is True


def test_a_message_with_nothing_in_it_has_no_values() -> None:
    bare = Features(message("", recipients=()), organization=None, plan="standard", catalog=None)
    given = {field for field in FIELDS if bare.values(field)}
    assert given == {"channel", "account", "adapter", "plan", "sender.domain"}
    assert bare.values("sender.domain") == (ANNA.partition("@")[2],)


def test_an_operation_that_is_not_there_is_refused_when_the_policy_is_made_ready() -> None:
    with pytest.raises(ValueError, match="sounds_like"):
        compiled(Condition(op="sounds_like", field="text", values=("x",)))


ALERT = Alert(fingerprint="f1", status="firing", severity="critical", product="stock")
CALL = Call(
    keys=("mango/office/call:1",),
    event="transcript",
    event_id="e",
    path=("main", "2"),
    digits="2",
    product="stock",
    transcript_status="final",
    confidence=0.7,
)


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        (is_("ivr.digits", "2"), True),
        (is_("ivr.path", "main"), True),
        (is_("ivr.path", "MAIN/2"), True),
        (is_("ivr.path", "main/1"), False),
        (is_("ivr.product", "stock"), True),
        (is_("ivr.confidence", "unsure"), True),
        (is_("ivr.confidence", "sure"), False),
    ],
)
def test_rules_ask_for_the_way_through_a_telephone_menu(condition: Condition, holds: bool) -> None:
    call = message("", "Ошибка 404", channel="ivr", call=CALL, flags=("confidence_unsure",))
    assert (compiled(condition).found(features(call)) is not None) is holds
    assert compiled(condition).found(features(MAIL)) is None


def test_how_sure_a_transcript_is_has_three_words_and_none_without_one() -> None:
    def told(flags: tuple[str, ...], **changed: Any) -> tuple[Any, ...]:
        call = replace(CALL, **changed)
        return features(message("", "", channel="ivr", call=call, flags=flags)).values("ivr.confidence")

    assert [told(flags) for flags in ((), ("confidence_unsure",), ("low_confidence",))] == [
        ("sure",),
        ("unsure",),
        ("low",),
    ]
    assert told(("low_confidence",), transcript_status="failed") == ("low",)
    assert told((), transcript_status="pending") == ()
    assert features(MAIL).values("ivr.confidence") == ()
