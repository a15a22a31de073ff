"""Bus payloads: round trips, refusals, schemas."""

from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import Permanent
from domain.ids import BlobKey
from domain.message import Attachment, Bounce, Envelope, StoredFile
from gateway import codec
from tests.make import message

KEY = BlobKey("a" * 64)


@given(
    st.binary(max_size=300),
    st.dictionaries(st.text(max_size=5), st.text(max_size=5) | st.booleans() | st.integers(-9, 9), max_size=3),
    st.datetimes(timezones=st.just(UTC)),
)
def test_an_envelope_comes_back_as_it_was(raw: bytes, meta: dict[str, object], at: datetime) -> None:
    envelope = Envelope(
        id="E1",
        channel="email",
        account="a",
        adapter="smtp",
        received_at=at,
        media_type="message/rfc822",
        size=len(raw),
        sha256=KEY,
        raw=raw,
        files=(StoredFile(blob=KEY, name="x", size=1),),
        meta=meta,
    )
    assert codec.decode_envelope(codec.encode(codec.EnvelopePayload(envelope=envelope))) == envelope


def test_a_message_comes_back_as_it_was() -> None:
    source = message(
        attachments=(Attachment(blob=KEY, name="n", size=1, media_type="image/png", content_id="c"),),
        bounces=(Bounce(action="failed", recipient="x@y", status="5.1.1"),),
        fields={"seats": 3, "who": ["a", "b"]},
    )
    payload = codec.decode_message(codec.encode(codec.MessagePayload(message=source)))
    assert payload == codec.MessagePayload(message=source)
    assert codec.message_from_builtins(msgspec.to_builtins(source)) == source


@pytest.mark.parametrize(
    "junk",
    [b"", b"{}", b"[]", b"\xff\xfe", b'{"type":"envelope"}', b'{"type":"message","message":{}}', b"null", b"1" * 9999],
)
def test_junk_is_a_permanent_fault(junk: bytes) -> None:
    for decode in (codec.decode_envelope, codec.decode_message, codec.decode_fact, codec.decode_dead):
        with pytest.raises(Permanent, match="payload"):
            decode(junk)


def test_a_payload_of_another_version_is_refused_by_number() -> None:
    data = codec.encode(codec.FactPayload(id="1", fact="ticket.created", data={}, v=2))
    with pytest.raises(Permanent, match="version 2, known is 1"):
        codec.decode_fact(data)


def test_an_envelope_has_its_bytes_in_one_place() -> None:
    envelope = Envelope(
        id="E1", channel="email", account="a", adapter="s", received_at=datetime.now(UTC), media_type="m", size=0,
        sha256=KEY,
    )  # fmt: skip
    with pytest.raises(Permanent, match="exactly one"):
        codec.decode_envelope(codec.encode(codec.EnvelopePayload(envelope=envelope)))


def test_every_payload_has_a_schema_that_names_its_version() -> None:
    schemas = codec.json_schemas()
    assert set(schemas) == {"envelope", "message", "message_claim", "fact", "reply", "dead"}
    for name, schema in schemas.items():
        definition = next(d for d in schema["$defs"].values() if d.get("properties", {}).get("type", {}).get("enum"))
        assert name in {
            d["properties"]["type"]["enum"][0]
            for d in schema["$defs"].values()
            if "type" in d.get("properties", {}) and "enum" in d["properties"]["type"]
        }
        assert "v" in definition["properties"]
