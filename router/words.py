"""Text -> stems, for Russian and English alike. Called by ``router.features`` for messages, by ``router.conditions``
for the policy's words, so that both are cut the same way.

A word is stemmed by its script: Cyrillic as Russian, anything else as English. What stands between spaces is
remembered with its stems in a bounded dictionary, since the same words come again in every message.
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
_stems: dict[str, tuple[str, ...]] = {}


def stems(text: str) -> tuple[str, ...]:
    """The words of a text in order, each as its stem; ``Ё`` counts as ``Е``, case does not count."""
    known = _stems.get
    tokens = text[:MAX_CHARS].casefold().replace("ё", "е").split()
    return tuple([stem for token in tokens for stem in known(token) or _cut(token)])


def _cut(token: str) -> tuple[str, ...]:
    """The stems of what stands between two spaces: a word with its punctuation, several words, or none."""
    found = tuple([_stem(word) for word in _WORD.findall(token)])
    if len(_stems) >= _MAX_REMEMBERED:
        _stems.clear()
    if len(token) <= _MAX_WORD:
        _stems[token] = found
    return found


def _stem(word: str) -> str:
    cut = word[:_MAX_WORD]
    stemmer = _RUSSIAN if "а" <= cut[0] <= "я" else _ENGLISH
    return str(stemmer.stemWord(cut)) or cut
