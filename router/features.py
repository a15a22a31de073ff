"""What rules may ask of a message, worked out once and only when asked. Made by ``router.decide`` for each message."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from domain.identity import Organization, mail_domain
from domain.message import Message
from router.words import MAX_CHARS, stems

_BOUNDARY = "\x00"
"""Between subject and body, so that no phrase is found across them."""


@dataclass(frozen=True, slots=True)
class Words:
    """Stems of a text: as a set, and in order with a space on either side of each, where phrases are looked for."""

    known: frozenset[str]
    run: str


def _words(*texts: str) -> Words:
    run: list[str] = []
    for text in texts:
        run += stems(text)
        run.append(_BOUNDARY)
    return Words(frozenset(run), f" {' '.join(run)} ")


class Features:
    """One message as rules see it. ``catalog`` is set by the classification as it goes along."""

    def __init__(self, message: Message, *, organization: Organization | None, plan: str, catalog: str | None) -> None:
        self.message = message
        self.organization = organization
        self.plan = plan
        self._catalog = catalog
        self._words: dict[str, Words] = {}
        self._folded: dict[str, tuple[Any, ...]] = {}

    @property
    def catalog(self) -> str | None:
        return self._catalog

    @catalog.setter
    def catalog(self, path: str | None) -> None:
        self._catalog = path
        self._folded.pop("catalog", None)

    def words(self, field: str) -> Words:
        found = self._words.get(field)
        if found is None:
            found = self._words[field] = _words(*_TEXTS[field](self.message))
        return found

    def values(self, field: str) -> tuple[Any, ...]:
        """What the field holds, without what is empty; several for recipients and attachments."""
        if field.startswith("fields."):
            held = self.message.fields.get(field.removeprefix("fields."))
            found = tuple(held) if isinstance(held, list | tuple) else (held,)
        else:
            found = _FIELDS[field](self)
        return tuple([value for value in found if value is not None and value != ""])

    def folded(self, field: str) -> tuple[Any, ...]:
        """The same with texts in one case, as conditions compare them; remembered, since many rules ask for it."""
        found = self._folded.get(field)
        if found is None:
            found = self._folded[field] = tuple(map(folded, self.values(field)))
        return found


def folded(value: Any) -> Any:
    return value.casefold() if isinstance(value, str) else value


_TEXTS: Mapping[str, Callable[[Message], tuple[str, ...]]] = {
    "subject": lambda message: (message.subject,),
    "body": lambda message: (message.text,),
    "text": lambda message: (message.subject, message.text),
}

_FIELDS: Mapping[str, Callable[[Features], tuple[Any, ...]]] = {
    "channel": lambda f: (f.message.channel,),
    "account": lambda f: (f.message.account,),
    "adapter": lambda f: (f.message.adapter,),
    "recipient": lambda f: f.message.recipients,
    "language": lambda f: (f.message.language,),
    "subject": lambda f: (f.message.subject[:MAX_CHARS],),
    "body": lambda f: (f.message.text[:MAX_CHARS],),
    "text": lambda f: (f.message.subject[:MAX_CHARS], f.message.text[:MAX_CHARS]),
    "sender.domain": lambda f: (mail_domain(f.message.sender.address),),
    "organization": lambda f: (f.organization.id, f.organization.name) if f.organization else (),
    "plan": lambda f: (f.plan,),
    "segment": lambda f: (f.organization.segment,) if f.organization else (),
    "catalog": lambda f: (f.catalog,),
    "attachment.type": lambda f: tuple(each.media_type for each in f.message.attachments),
    "attachment.name": lambda f: tuple(each.name for each in f.message.attachments),
    "automatic": lambda f: (f.message.automatic.kind if f.message.automatic else None,),
    "ivr.digits": lambda f: (f.message.call.digits,) if f.message.call else (),
    "ivr.path": lambda f: (*f.message.call.path, "/".join(f.message.call.path)) if f.message.call else (),
    "ivr.product": lambda f: (f.message.call.product,) if f.message.call else (),
    "ivr.confidence": lambda f: (_trust(f.message),),
    "alert.severity": lambda f: (f.message.alert.severity,) if f.message.alert else (),
    "alert.product": lambda f: (f.message.alert.product,) if f.message.alert else (),
    "alert.status": lambda f: (f.message.alert.status,) if f.message.alert else (),
}


def _trust(message: Message) -> str:
    """How far a call's transcript is to be trusted, as the normaliser has judged; ``""`` where there is none."""
    if message.call is None or message.call.transcript_status not in ("final", "failed"):
        return ""
    if "low_confidence" in message.flags:
        return "low"
    return "unsure" if "confidence_unsure" in message.flags else "sure"
