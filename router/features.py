"""What rules may ask of a message, worked out once and only when asked. Made by ``router.decide`` for each message."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from domain.identity import Organization, mail_domain
from domain.message import Message
from router.words import MAX_CHARS, stems

_BOUNDARY = "\x00"
"""Between subject and body, so that no phrase is found across them."""


@dataclass(frozen=True)
class Words:
    """Stems of a text: as a set for single words, in order for phrases."""

    known: frozenset[str]
    run: str

    def has(self, phrase: tuple[str, ...]) -> bool:
        if phrase[0] not in self.known:
            return False
        return len(phrase) == 1 or f" {' '.join(phrase)} " in self.run


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
        self.catalog = catalog

    @cached_property
    def subject(self) -> Words:
        return _words(self.message.subject)

    @cached_property
    def body(self) -> Words:
        return _words(self.message.text)

    @cached_property
    def text(self) -> Words:
        return _words(self.message.subject, self.message.text)

    def words(self, field: str) -> Words:
        found: Words = getattr(self, field)
        return found

    def values(self, field: str) -> tuple[Any, ...]:
        """What the field holds, without what is empty; several for recipients and attachments."""
        if field.startswith("fields."):
            held = self.message.fields.get(field.removeprefix("fields."))
            found = tuple(held) if isinstance(held, list | tuple) else (held,)
        else:
            found = _FIELDS[field](self)
        return tuple(value for value in found if value is not None and value != "")


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
}
