"""Every mail under tests/samples/email, and every form under tests/samples/form, beside what it must become.

python -m tests.normalizer.test_samples     writes the expectations anew; read the difference before keeping it
"""

import json
from pathlib import Path

import pytest

from tests.normalizer.support import SAMPLES, form, mail, outcome

MAILS = sorted(SAMPLES.glob("*.eml"))
FORMS = sorted((SAMPLES.parent / "form").glob("*.in.json"))


def test_there_are_samples_of_every_exotic_form() -> None:
    assert len(MAILS) >= 100


@pytest.mark.parametrize("path", MAILS, ids=[path.stem for path in MAILS])
def test_sample_becomes_the_expected_message(path: Path) -> None:
    expected = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    assert json.loads(json.dumps(outcome(mail(path.read_bytes())))) == expected


@pytest.mark.parametrize("path", MAILS, ids=[path.stem for path in MAILS])
def test_sample_is_the_same_message_with_bare_line_feeds(path: Path) -> None:
    raw = path.read_bytes()
    assert mail(raw.replace(b"\r\n", b"\n")).message.key == mail(raw).message.key


@pytest.mark.parametrize("path", FORMS, ids=[path.name for path in FORMS])
def test_submitted_form_becomes_the_expected_message(path: Path) -> None:
    expected = json.loads(told(path).read_text(encoding="utf-8"))
    assert json.loads(json.dumps(outcome(form(path.read_bytes())))) == expected


def told(path: Path) -> Path:
    """Where the expectation of a form lies."""
    return path.with_name(path.name.replace(".in.json", ".json"))


if __name__ == "__main__":
    for submitted in FORMS:
        text = json.dumps(outcome(form(submitted.read_bytes())), ensure_ascii=False, indent=1, sort_keys=True)
        told(submitted).write_text(text + "\n", encoding="utf-8")
    for sample in MAILS:
        text = json.dumps(outcome(mail(sample.read_bytes())), ensure_ascii=False, indent=1, sort_keys=True)
        sample.with_suffix(".json").write_text(text + "\n", encoding="utf-8")
