"""Receiving mail over IMAP (RFC 3501): an account's settings and its receiver, for gateway's role ``imap``."""

from channels.imap.account import ImapAccount
from channels.imap.receiver import ImapReceiver

__all__ = ["ImapAccount", "ImapReceiver"]
