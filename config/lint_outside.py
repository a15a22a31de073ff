"""Checks of what faces outward: ``mail.yaml``, ``forms.yaml``, ``letters.yaml``."""

from collections.abc import Iterable, Iterator
from string import Formatter

from config.bundle import Bundle
from config.letter_schema import USUAL
from config.names import Fault, Names
from config.problems import Path
from config.values import TextDoc
from domain.policy import PLACEHOLDERS, REQUIRED_LETTERS

ECHOES = frozenset({"subject", "name", "text"})
"""Placeholders that hold what the requester wrote."""


def mail(bundle: Bundle, names: Names) -> Iterator[Fault]:
    if bundle.mail is None:
        return
    given = bundle.mail.mail
    for address, entry in given.addresses.items():
        path: Path = ("mail", "addresses", address)
        if address.rpartition("@")[2] not in given.domains:
            yield "mail.yaml", path, "is not in one of our domains"
        yield from names.refer_open("mail.yaml", (*path, "catalog"), entry.catalog)


def forms(bundle: Bundle, names: Names) -> Iterator[Fault]:
    if bundle.forms is None:
        return
    if "default" not in bundle.forms.forms:
        yield "forms.yaml", ("forms",), "has no form default, and there is always one"
    for slug, form in bundle.forms.forms.items():
        for index, path in enumerate(form.catalogs):
            yield from names.refer_open("forms.yaml", ("forms", slug, "catalogs", index), path)


def letters(bundle: Bundle, names: Names) -> Iterator[Fault]:
    if bundle.letters is None:
        return
    for key in REQUIRED_LETTERS:
        if key not in bundle.letters.letters:
            yield "letters.yaml", ("letters",), f"has no letter {key}"
    for key, letter in bundle.letters.letters.items():
        yield from names.refer_all("letters.yaml", ("letters", key, "plans"), "plan", letter.plans)
        yield from names.refer_all("letters.yaml", ("letters", key, "lines"), "line", letter.lines)
        if letter.on is None and (letter.plans or letter.lines) and key not in USUAL:
            where = ("letters", key, "plans" if letter.plans else "lines")
            yield "letters.yaml", where, "narrows when it is sent by itself, but it has no on"
        echoes = ECHOES if (letter.on or USUAL.get(key)) in ("opened", "known_incident") else frozenset()
        for part, words in (("subject", letter.subject), ("body", letter.body)):
            yield from _echoed(("letters", key, part), words, echoes)
            yield from _placeholders(("letters", key, part), words)


def _echoed(path: Path, words: TextDoc, echoes: frozenset[str]) -> Iterator[Fault]:
    """An acknowledgement goes wherever the sender's address says: it must not carry what somebody else wrote there."""
    for language, text in (("ru", words.ru), ("en", words.en)):
        for name in sorted(echoes.intersection(name or "" for name in _names_in(text))):
            why = f"repeats {{{name}}}, which a stranger may have written, to an address that may not be theirs"
            yield "letters.yaml", (*path, language), why


def doubtful_mail(bundle: Bundle, names: Names) -> Iterator[Fault]:
    if bundle.mail is None:
        return
    given = bundle.mail.mail
    if given.sender_verification == "required" and not given.authserv_ids:
        message = "asks for a domain check, but no relay is named whose results are believed, so no mail will pass"
        yield "mail.yaml", ("mail", "sender_verification"), message
    for domain in given.domains:
        if f"postmaster@{domain}" not in given.addresses:
            yield "mail.yaml", ("mail", "addresses"), f"has no postmaster@{domain}, which every mail domain must take"


def doubtful_forms(bundle: Bundle, names: Names) -> Iterator[Fault]:
    for slug, form in bundle.forms.forms.items() if bundle.forms else ():
        if form.max_file_bytes > form.max_total_bytes:
            yield "forms.yaml", ("forms", slug, "max_file_bytes"), "is more than all files together may have"


def _placeholders(path: Path, words: TextDoc) -> Iterator[Fault]:
    for language, text in (("ru", words.ru), ("en", words.en)):
        for name in _names_in(text):
            if name is None:
                yield "letters.yaml", (*path, language), "has a brace that is not closed; write a brace itself twice"
            elif name not in PLACEHOLDERS:
                known = ", ".join(sorted(PLACEHOLDERS))
                yield "letters.yaml", (*path, language), f"has an unknown placeholder {{{name}}}; there are {known}"


def _names_in(text: str) -> Iterable[str | None]:
    """Placeholders of a text, [None] where its braces do not pair."""
    try:
        parts = list(Formatter().parse(text))
    except ValueError:
        return [None]
    # A format or conversion (``{name:>9}``, ``{name!r}``) is no plain placeholder, so it is shown and refused whole.
    return [
        name + (f"!{conversion}" if conversion else "") + (f":{spec}" if spec else "")
        for _, name, spec, conversion in parts
        if name is not None
    ]
