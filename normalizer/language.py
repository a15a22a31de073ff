"""The language of a text, cheaply: the first thousand characters. Called by the pipeline and by form.

Russian is told by its alphabet, which is exact and costs microseconds; the rest by py3langid (0.1 ms; the model loads
once a process, in about half a second).
"""

import re
from functools import cache

from py3langid.langid import MODEL_FILE, LanguageIdentifier

_SAMPLE = 1_000
_LEAST = 12
"""Letters below which a language is not told."""

_NOT_PROSE = re.compile(r"https?://\S+|\S+@\S+|[\d_#*=<>|/\\-]+")
_CYRILLIC = re.compile(r"[Ѐ-ӿ]+")
_OTHER_CYRILLIC = re.compile(r"[іїєґўјљњћђџѓќѕәғқңөұүһІЇЄҐЎЈЉЊЋЂЏЃЌЅӘҒҚҢӨҰҮҺ]+")
_RUSSIAN = re.compile(r"[ыэёЫЭЁ]")
_SHORT = 60
"""Cyrillic letters up to which Russian is assumed unless a letter tells of another language: too few to weigh words."""
LANGUAGES = tuple("ru en de fr es it pt nl pl cs tr uk be bg kk ja zh ko ar he fi sv".split())  # noqa: SIM905


def tell(text: str) -> str | None:
    """The ISO 639-1 code, or None if there is too little to tell by."""
    sample = text[:_SAMPLE]
    if not sample.isascii():
        cyrillic = sum(map(len, _CYRILLIC.findall(sample)))
        if cyrillic * 2 > len(sample) - sample.count(" ") - sample.count("\n"):
            if cyrillic < _LEAST:
                return None
            russian = _RUSSIAN.search(sample) is not None or (cyrillic < _SHORT and "ъ" not in sample)
            if russian and not _OTHER_CYRILLIC.search(sample):
                return "ru"
    prose = _NOT_PROSE.sub(" ", sample)
    letters = sum(map(str.isalpha, prose))
    wide = sum(char >= "\u3040" for char in prose)
    if letters < _LEAST * 2 and wide < 6:
        return None
    return str(_identifier().classify(prose)[0])


@cache
def _identifier() -> LanguageIdentifier:
    identifier = LanguageIdentifier.from_model_file(MODEL_FILE)
    identifier.set_languages(list(LANGUAGES))
    return identifier
