"""Text -> stems, for Russian and English alike. Called by ``router.features`` for messages, by ``router.conditions``
for the policy's words, so that both are cut the same way.

A word is stemmed by its script: Cyrillic as Russian, anything else as English. Stems are remembered in a bounded
dictionary, since the same words come again in every message.
"""

import re

import Stemmer

MAX_CHARS = 20_000
"""Of each of subject and body; what lies beyond decides nothing."""

_MAX_REMEMBERED = 200_000
_MAX_WORD = 60
_WORD = re.compile(r"\w+")
_RUSSIAN = Stemmer.Stemmer("russian")
_ENGLISH = Stemmer.Stemmer("english")
_stems: dict[str, str] = {}


def stems(text: str) -> tuple[str, ...]:
    """The words of a text in order, each as its stem; ``Ё`` counts as ``Е``, case does not count."""
    words = _WORD.findall(text[:MAX_CHARS].casefold().replace("ё", "е"))
    known = _stems.get
    return tuple([known(word) or _stem(word) for word in words])


def _stem(word: str) -> str:
    cut = word[:_MAX_WORD]
    stemmer = _RUSSIAN if "а" <= cut[0] <= "я" else _ENGLISH
    stem = str(stemmer.stemWord(cut)) or cut
    if len(_stems) >= _MAX_REMEMBERED:
        _stems.clear()
    if len(word) <= _MAX_WORD:
        _stems[word] = stem
    return stem
