"""Full-text search: one tokeniser and stemmer of ours for both databases, so that both find the same.

SQLite: FTS5 over stemmed text; PostgreSQL: tsvector ``simple`` over the same. Internal notes are kept in an index of
their own, so that no query of another audience can ever touch them.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import Stemmer
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

_WORD = re.compile(r"[^\W_]+")
_CYRILLIC = re.compile(r"[а-яё]")
_MAX_TOKENS = 4_000
_MAX_TOKEN = 64
_REMEMBERED = 200_000
_MAX_TSVECTOR_BYTES = 500_000

_russian = Stemmer.Stemmer("russian", 0)
_english = Stemmer.Stemmer("english", 0)


def stem(word: str) -> str:
    """One lower-case word to its stem; digits and other scripts are left as they are."""
    folded = word.replace("ё", "е")
    if _CYRILLIC.search(folded):
        return str(_russian.stemWord(folded))
    return str(_english.stemWord(folded)) if folded.isascii() and not folded.isdigit() else folded


class _Stems(dict[str, str]):
    """Words that were stemmed before: looking up is all that most words cost. Forgets all when it grows too large."""

    def __missing__(self, word: str) -> str:
        if len(self) >= _REMEMBERED:
            self.clear()
        found = self[word] = stem(word) if len(word) <= _MAX_TOKEN else ""
        return found


_stems = _Stems()


def tokens(source: str) -> list[str]:
    """Stemmed words in order, at most 4,000; a word longer than 64 characters is not one."""
    words = _WORD.findall(source.lower())
    return list(filter(None, map(_stems.__getitem__, words[:_MAX_TOKENS])))


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A message to be found by. ``note``: internal, in the index that only agents search."""

    message_id: str
    number: int
    body: str
    note: bool = False


async def index(connection: AsyncConnection, documents: Sequence[Document]) -> None:
    if not documents:
        return
    sqlite = connection.dialect.name == "sqlite"
    for note in (False, True):
        rows = [
            {"message_id": d.message_id, "number": d.number, "body": _cut(" ".join(tokens(d.body)))}
            for d in documents
            if d.note is note
        ]
        if not rows:
            continue
        table = "search_notes" if note else "search_messages"
        if sqlite:
            statement = f"INSERT INTO {table} (body, message_id, number) VALUES (:body, :message_id, :number)"  # noqa: S608
        else:
            statement = (
                f"INSERT INTO {table} (message_id, number, body) "  # noqa: S608
                "VALUES (:message_id, :number, to_tsvector('simple', CAST(:body AS text)))"
            )
        await connection.execute(text(statement), rows)


def _cut(stemmed: str) -> str:
    """Below PostgreSQL's 1 MB for a tsvector."""
    raw = stemmed.encode()
    return stemmed if len(raw) <= _MAX_TSVECTOR_BYTES else raw[:_MAX_TSVECTOR_BYTES].decode(errors="ignore")


async def find(connection: AsyncConnection, query: str, *, notes: bool, limit: int) -> list[int]:
    """Numbers of tickets whose messages have every word of ``query`` (the last one as a prefix), newest message
    first, at most ``limit`` candidates. An empty list for a query without words."""
    words = tokens(query)[:12]
    if not words:
        return []
    tables = ("search_messages", "search_notes") if notes else ("search_messages",)
    found: list[int] = []
    for table in tables:
        found.extend(await _find_in(connection, table, words, limit))
    return list(dict.fromkeys(found))[:limit]


async def _find_in(connection: AsyncConnection, table: str, words: Sequence[str], limit: int) -> Iterable[int]:
    if connection.dialect.name == "sqlite":
        match = " ".join(f'"{word}"' for word in words[:-1]) + f' "{words[-1]}"*'
        statement = f"SELECT number FROM {table} WHERE {table} MATCH :match ORDER BY rowid DESC LIMIT :limit"  # noqa: S608
    else:
        match = " & ".join([*(f"'{word}'" for word in words[:-1]), f"'{words[-1]}':*"])
        statement = (
            f"SELECT number FROM {table} WHERE body @@ to_tsquery('simple', :match) "  # noqa: S608
            "ORDER BY id DESC LIMIT :limit"
        )
    rows = await connection.execute(text(statement), {"match": match, "limit": limit})
    return [row[0] for row in rows]
