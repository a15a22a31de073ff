"""A Telegram bot, both ways: an account's settings, its receivers (polling, webhook) and its sender, for gateway."""

from channels.telegram.account import TelegramAccount
from channels.telegram.parts import TelegramDeps
from channels.telegram.receiver import TelegramReceiver
from channels.telegram.sender import TelegramSender
from channels.telegram.webhook import TelegramWebhooks

__all__ = ["TelegramAccount", "TelegramDeps", "TelegramReceiver", "TelegramSender", "TelegramWebhooks"]
