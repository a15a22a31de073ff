"""Normalises every fetched mail and compares what came out with ``expected.json``. Needs ``fetch.py`` to have run.

    python -m tests.corpus.run             compares; exit 1 with the rows that differ
    python -m tests.corpus.run --show      prints the table for a person to read
    python -m tests.corpus.run --write     writes what came out as expected, to be read before it is kept

A row holds no more of a mail than its subject: texts are hashes and lengths, so that no mail is copied in here.
"""

import hashlib
import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from domain.ids import BlobKey
from domain.message import Envelope, Message
from normalizer.pipeline import normalize

DOWNLOADS = Path(__file__).parent / "downloads"
EXPECTED = Path(__file__).parent / "expected.json"
SUPPRESSED = ("auto_reply", "bounce", "delivery_report", "loop")
"""Kinds that make no ticket; mail of a list, or in bulk, makes one and is not answered automatically."""


def main(arguments: list[str]) -> int:
    """The exit code."""
    found = dict(_rows())
    if len(found) < 300:
        print(f"only {len(found)} mails: run tests.corpus.fetch first")
        return 1
    if "--show" in arguments:
        for name, message in _messages():
            print(_line(name, found[name], message))
        return 0
    if "--write" in arguments:
        EXPECTED.write_text(json.dumps(found, ensure_ascii=False, indent=1, sort_keys=True) + "\n", encoding="utf-8")
        return 0
    expected: dict[str, Any] = json.loads(EXPECTED.read_text(encoding="utf-8"))
    differing = [name for name in sorted(found.keys() | expected.keys()) if found.get(name) != expected.get(name)]
    for name in differing:
        print(f"{name}\n  expected {expected.get(name)}\n  came out {found.get(name)}")
    suppressed = sum(row["outcome"] == "suppressed" for row in found.values())
    print(f"{len(found)} mails, {suppressed} suppressed, {len(differing)} rows differ")
    return 1 if differing else 0


def envelope_for(raw: bytes, **meta: Any) -> Envelope:
    """An envelope as intake makes it, but with a fixed time and id."""
    return Envelope(
        id="CORPUS",
        channel="email",
        account="support",
        adapter="smtp",
        received_at=datetime(2025, 1, 3, 12, 0, tzinfo=UTC),
        media_type="message/rfc822",
        size=len(raw),
        sha256=BlobKey(hashlib.sha256(raw).hexdigest()),
        raw=raw,
        meta=meta,
    )


def _messages() -> list[tuple[str, Message]]:
    paths = sorted(path for path in DOWNLOADS.glob("*/*") if path.is_file() and path.parent.name != "archives")
    found = []
    for path in paths:
        raw = path.read_bytes()
        found.append((f"{path.parent.name}/{path.name}", normalize(envelope_for(raw), raw).message))
    return found


def _rows() -> list[tuple[str, dict[str, Any]]]:
    return [(name, _row(message)) for name, message in _messages()]


def _row(message: Message) -> dict[str, Any]:
    automatic = message.automatic
    return {
        "outcome": "suppressed" if automatic is not None and automatic.kind in SUPPRESSED else "ticket",
        "automatic": f"{automatic.kind}: {automatic.because}" if automatic else None,
        "bounced": len(message.bounces),
        "subject": message.subject[:60],
        "text": hashlib.sha256(message.text.encode()).hexdigest()[:12],
        "chars": [len(message.text), len(message.quoted), len(message.signature)],
        "attachments": [one.media_type for one in message.attachments],
        "language": message.language,
        "flags": list(message.flags),
    }


def _line(name: str, row: dict[str, Any], message: Message) -> str:
    text = " ".join(message.text.split())[:80]
    bounces = ",".join(f"{one.action}:{one.recipient}:{one.status}" for one in message.bounces[:3])
    return (
        f"{name[:48]:48} {row['outcome'][:4]} {row['automatic'] or '-'} | {row['subject'][:40]} | {text} |"
        f" {row['chars']} att={len(message.attachments)} {row['language']} {' '.join(message.flags)} {bounces}"
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
