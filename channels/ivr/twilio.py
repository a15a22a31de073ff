"""Twilio: its webhooks and status callbacks -> canonical events.

How sure this is. Read in Twilio's own helper library and documents: the signature, the port, ``bodySHA256``, 204 for
callbacks, TwiML for what steers a call. Read in third parties' code: the fields of Gather, of recording, of its
transcription and of real-time transcription. Recalled: that a withheld number comes as ``+266696687``, and that a
``Confidence`` of exactly 0 means that the engine gave none.

A request has no time of its own that is signed, so there is no window: one that is sent again has the same event id,
which is a hash of what it says, and has no second effect. What steers the dialogue may be said in the query of the URL,
which is signed too: ``question`` (names the answer), ``path`` (``main/2``) and ``product``.
"""

import base64
import contextlib
import hashlib
import hmac
import json
import math
from collections.abc import Iterable, Mapping
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit, urlunsplit

from aiohttp import web

from channels.hooks import Malformed, decoded
from channels.ivr.account import IvrAccount
from channels.ivr.event import BadSignature, Event, Posted, checked

BELOW = False
_DEFAULT_PORTS = {"https": 443, "http": 80}
_MOST_FIELDS = 300
_OVER = frozenset({"completed", "busy", "failed", "no-answer", "canceled"})

Pairs = list[tuple[str, str]]


def check(account: IvrAccount, posted: Posted) -> None:
    """Raises ``BadSignature``. JSON is signed by its hash in the query; a JSON body without one is refused."""
    given = posted.headers.get("X-Twilio-Signature", "")
    if not given:
        raise BadSignature("missing")
    pairs: Pairs = []
    if posted.media_type == "application/json":
        hashed = dict(_query(posted)).get("bodySHA256", "")
        if not hmac.compare_digest(
            hashlib.sha256(posted.body).hexdigest().encode(), hashed.lower().encode("utf-8", "replace")
        ):
            raise BadSignature("body")
    else:
        with contextlib.suppress(Malformed):  # what is no form is not signed as one
            pairs = _form(posted.body)
    signed = _signed_part(pairs)
    matches = [_same(account.secret, url + signed, given) for url in _with_and_without_port(posted.url)]
    if not any(matches):
        raise BadSignature("signature")


def _signed_part(pairs: Pairs) -> str:
    values: dict[str, set[str]] = {}
    for name, value in pairs:
        values.setdefault(name, set()).add(value)
    return "".join(f"{name}{value}" for name in sorted(values) for value in sorted(values[name]))


def _same(secret: str, text: str, given: str) -> bool:
    digest = hmac.new(secret.encode(), text.encode("utf-8", "surrogateescape"), hashlib.sha1).digest()
    return hmac.compare_digest(base64.b64encode(digest), given.encode("utf-8", "replace"))


def _with_and_without_port(url: str) -> Iterable[str]:
    try:
        parts = urlsplit(url)
    except ValueError as error:  # a Host that is none
        raise BadSignature("url") from error
    host = parts.netloc.rpartition("@")[2]
    name = host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() else host
    port = host.rpartition(":")[2] if name != host else str(_DEFAULT_PORTS.get(parts.scheme, 443))
    for netloc in (name, f"{name}:{port}"):
        yield urlunsplit(parts._replace(netloc=netloc))


def read(account: IvrAccount, posted: Posted) -> Event | None:
    """Raises ``Malformed``."""
    given = _fields(posted)
    if not given.get("CallSid") and not given.get("RecordingSid") and not given.get("TranscriptionSid"):
        raise Malformed("CallSid", "is needed")
    steer = dict(_query(posted))
    # A callback that is repeated says the same again, whatever the order of its fields.
    content = json.dumps([sorted(given.items()), sorted(steer.items())], ensure_ascii=False)
    transcript = _transcript(given, account)
    values = {
        "schema": "ivr.v1",
        "event": "transcript.ready" if transcript else _call_event(given),
        "event_id": hashlib.sha256(content.encode("utf-8", "replace")).hexdigest()[:32],
        "seq": _count(given, "SequenceNumber") or 0,
        "provider": "twilio",
        "account": given.get("AccountSid", "")[:256],
        "occurred_at": _moment(given),
        "call": _call(given),
        "ivr": _menu(given, steer),
        "recording": _recording(given),
        "transcript": transcript,
    }
    return checked(values)


def received(account: IvrAccount, posted: Posted, envelope: str, *, new: bool) -> web.Response:
    """204 to callbacks; TwiML where Twilio waits to be told how the call goes on. The same for a repeat."""
    if _steers(_fields(posted)):
        return web.Response(text=account.twiml, content_type="text/xml")
    return web.Response(status=204)


def _steers(given: Mapping[str, str]) -> bool:
    """Gather's and Record's action, and a call that arrives. Callbacks have a word that these do not."""
    callbacks = ("TranscriptionSid", "TranscriptionEvent", "RecordingStatus", "CallbackSource", "CallDuration")
    if any(name in given for name in callbacks) or "UnstableSpeechResult" in given:
        return False
    return given.get("CallStatus") not in _OVER


def _call_event(given: Mapping[str, str]) -> str:
    return "call.completed" if given.get("CallStatus") in _OVER else "call.updated"


def _call(given: Mapping[str, str]) -> dict[str, Any]:
    parent, own = given.get("ParentCallSid", ""), given.get("CallSid", "")
    direction = given.get("Direction", "inbound")
    verdict = given.get("StirVerstat", "")
    return {
        "id": parent or own,
        "leg_id": own if parent else None,
        "direction": "outbound" if direction.startswith("outbound") else "inbound",
        "from_raw": given.get("From", ""),
        "attestation": verdict[-1] if verdict.startswith("TN-Validation-Passed-") else None,
        "to": given.get("To", ""),
        "duration_s": _count(given, "CallDuration"),
        "status": given.get("CallStatus", ""),
    }


def _menu(given: Mapping[str, str], steer: Mapping[str, str]) -> dict[str, Any]:
    # Record's action puts the key that ended the recording, or "hangup", where Gather has what was typed.
    digits = "" if "RecordingUrl" in given else given.get("Digits", "")
    answer = given.get("SpeechResult") or digits
    question = steer.get("question", "")
    return {
        "path": [step for step in steer.get("path", "").split("/") if step],
        "digits": digits,
        "product": steer.get("product") or None,
        "answers": {question: answer} if question and answer else {},
    }


def _recording(given: Mapping[str, str]) -> dict[str, Any] | None:
    sid, url = given.get("RecordingSid"), given.get("RecordingUrl")
    return {"id": sid, "url": url, "auth": "basic"} if sid or url else None


def _transcript(given: Mapping[str, str], account: IvrAccount) -> dict[str, Any] | None:
    found: dict[str, Any] | None = None
    if "TranscriptionEvent" in given:
        found = _real_time(given)
    elif "TranscriptionSid" in given:
        failed = given.get("TranscriptionStatus") != "completed"
        text = given.get("TranscriptionText", "")
        found = {"id": given["TranscriptionSid"], "status": "failed" if failed else "final", "text": text}
        found |= {"engine": "twilio"}
    elif "SpeechResult" in given:
        found = {"status": "final", "text": given["SpeechResult"], "piece": True, "engine": "twilio gather"}
        found |= {"confidence": _confidence(given.get("Confidence"), "Confidence"), "confidence_source": "twilio"}
    elif "UnstableSpeechResult" in given or "StableSpeechResult" in given:
        heard = " ".join(filter(None, (given.get("StableSpeechResult"), given.get("UnstableSpeechResult"))))
        found = {"status": "partial", "revision": 0, "text": heard, "piece": True, "engine": "twilio gather"}
    if found is not None:
        found.setdefault("language", given.get("LanguageCode") or given.get("Language") or account.language)
    return found


def _real_time(given: Mapping[str, str]) -> dict[str, Any] | None:
    """One utterance a request: the final ones are pieces of the transcript, by ``SequenceId``."""
    sid = given.get("TranscriptionSid")
    match given["TranscriptionEvent"]:
        case "transcription-started":
            return {"id": sid, "status": "pending", "revision": 0, "engine": "twilio real-time"}
        case "transcription-error":
            return {"id": sid, "status": "failed", "revision": 0, "engine": "twilio real-time"}
        case "transcription-content":
            data = _object(given.get("TranscriptionData", ""))
            final = given.get("Final", "").lower() == "true"
            text, track = str(data.get("transcript") or ""), given.get("Track", "")
            return {
                "id": sid,
                "status": "final" if final else "partial",
                "revision": (_count(given, "SequenceId") or 0) if final else 0,
                "piece": True,
                "text": text,
                "confidence": _confidence(data.get("confidence"), "TranscriptionData.confidence"),
                "confidence_source": "twilio",
                "engine": "twilio real-time",
                "segments": [{"speaker": track, "text": text}],
            }
    return None


def _object(text: str) -> dict[str, Any]:
    data = decoded(text, "TranscriptionData")
    if not isinstance(data, dict):
        raise Malformed("TranscriptionData", "is not a JSON object")
    return data


def _confidence(value: Any, name: str) -> float | None:
    if value is None or value == "":
        return None
    try:
        number = float(value)
    except (TypeError, ValueError) as error:
        raise Malformed(name, "is not a number") from error
    if not math.isfinite(number):
        raise Malformed(name, "is not a number")
    return number or None


def _count(given: Mapping[str, str], name: str) -> int | None:
    value = given.get(name, "")
    if value == "":
        return None
    if not (value.isascii() and value.isdigit()):
        raise Malformed(name, "is not a whole number")
    return int(value[:12])


def _moment(given: Mapping[str, str]) -> str | None:
    """``Timestamp`` is RFC 2822 in call progress events and ISO 8601 in real-time transcription."""
    value = given.get("Timestamp") or given.get("RecordingStartTime") or ""
    if not value or value[:4].isdigit():
        return value or None
    try:
        return parsedate_to_datetime(value).isoformat()
    except (TypeError, ValueError, IndexError) as error:
        raise Malformed("Timestamp", "is not a time") from error


def _query(posted: Posted) -> Pairs:
    try:
        return parse_qsl(posted.query, keep_blank_values=True, max_num_fields=_MOST_FIELDS)
    except ValueError as error:
        raise Malformed("query", f"has more than {_MOST_FIELDS} parameters") from error


def _form(body: bytes) -> Pairs:
    try:
        text = body.decode("utf-8", "surrogateescape")
        return parse_qsl(text, keep_blank_values=True, max_num_fields=_MOST_FIELDS)
    except ValueError as error:
        raise Malformed("body", f"is no form of at most {_MOST_FIELDS} fields") from error


def _fields(posted: Posted) -> dict[str, str]:
    if posted.media_type != "application/json":
        return {_valid(name): _valid(value) for name, value in _form(posted.body)}
    values = decoded(posted.body, "body")
    if not isinstance(values, dict):
        raise Malformed("body", "is not a JSON object")
    return {str(name): _as_text(value) for name, value in values.items() if value is not None}


def _valid(text: str) -> str:
    """Without halves of characters, which the signature needs and no store takes."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
