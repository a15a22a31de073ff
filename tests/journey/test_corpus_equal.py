"""Many mails at once, and each ticket says exactly what its mail meant."""

import hashlib
from collections import Counter

import pytest

from bench.corpus import Mail, generate
from tests.journey.instance import Instance, instance
from tests.journey.senders import Senders

pytestmark = [pytest.mark.xdist_group("processes"), pytest.mark.timeout(600)]

Meaning = tuple[str, str, tuple[tuple[str, str], ...]]


def _meant(mail: Mail) -> Meaning:
    return mail.subject, mail.text.strip(), mail.attachments


def _kept(priyom: Instance) -> dict[str, Meaning]:
    """Message-ID -> subject, text, and (name, SHA-256 of the stored bytes) of each attachment."""
    files: dict[str, list[tuple[str, str]]] = {}
    for row in priyom.rows("SELECT message_id, name, blob FROM attachments ORDER BY position"):
        content = priyom.blob(row["blob"])
        files.setdefault(row["message_id"], []).append((row["name"], hashlib.sha256(content).hexdigest()))
    rows = priyom.rows("SELECT m.id, m.native_id, t.subject, m.text FROM messages m JOIN tickets t USING (number)")
    return {
        row["native_id"]: (
            row["subject"],
            row["text"].replace("\r\n", "\n").strip(),
            tuple(files.get(row["id"], ())),
        )
        for row in rows
    }


@pytest.mark.parametrize("count", [600, pytest.param(2_000, marks=pytest.mark.slow)])
def test_every_mail_of_the_corpus_is_one_ticket_with_its_subject_text_and_files(count: int) -> None:
    corpus = list(generate(count, seed=11))
    with instance() as priyom:
        with Senders(priyom.smtp, corpus, connections=8) as senders:
            senders.join()
        assert Counter(word for sent in senders.sent for word in sent.words) == {"acknowledged": count}
        priyom.wait_settled(senders.envelopes, within=300)

        none = dict.fromkeys(("appended", "duplicate", "suppressed", "quarantined", "in_flight"), 0)
        ledger = priyom.quiet_ledger()
        assert ledger["total"] == {"accepted": count, "ticketed": count, **none}
        assert ledger["channels"] == {"email": ledger["total"]}
        assert priyom.rows("SELECT count(*) AS n FROM tickets") == [{"n": count}]
        assert priyom.rows("SELECT count(*) AS n FROM messages") == [{"n": count}]
        kept = _kept(priyom)
        assert {mail.message_id: kept.get(mail.message_id) for mail in corpus} == {
            mail.message_id: _meant(mail) for mail in corpus
        }
