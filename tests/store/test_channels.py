"""Bookmarks and the state of accounts, on both databases."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from domain.accounts import AccountState
from store import Database

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


async def test_a_bookmark_is_what_was_set_last(database: Database) -> None:
    book = database.channels
    assert await book.bookmark("imap", "support", "INBOX") is None
    await book.set_bookmark("imap", "support", "INBOX", {"validity": 1, "uid": 7}, NOON)
    await book.set_bookmark("imap", "support", "INBOX", {"validity": 1, "uid": 9}, NOON)
    await book.set_bookmark("imap", "other", "INBOX", {"validity": 4, "uid": 1}, NOON)
    assert await book.bookmark("imap", "support", "INBOX") == {"validity": 1, "uid": 9}


async def test_the_last_word_on_each_account_is_kept(database: Database) -> None:
    book = database.channels
    first = AccountState(
        adapter="imap", account="support", channel="email", condition="failing", since=NOON, told_at=NOON, error="no"
    )
    bot = replace(first, adapter="telegram", account="bot", channel="telegram", error="", condition="connected")
    await book.tell(bot)
    await book.tell(first)
    later = NOON + timedelta(minutes=5)
    after = replace(first, condition="connected", error="", since=later, told_at=later, last_message_at=later)
    await book.tell(after)
    assert [state for state in await book.states() if state.account in ("support", "bot")] == [after, bot]
