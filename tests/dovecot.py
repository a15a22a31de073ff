"""A real Dovecot for the tests: IMAP in the clear, with STARTTLS and with TLS, on free ports, as root or not.

Every user has the same password, and a mailbox as soon as somebody signs in. ``stop`` and ``start`` keep ports and
mail.
"""

import contextlib
import getpass
import grp
import imaplib
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from gateway.broker import free_port

PASSWORD = "planted-S3cret"
_PROGRAM = "/usr/sbin/dovecot"
_FLAGS = re.compile(rb"UID (\d+) FLAGS \(([^)]*)\)")

_CONFIG = """
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/dovecot.log
protocols = imap
listen = 127.0.0.1
instance_name = {folder}
default_internal_user = {internal}
default_internal_group = {group}
default_login_user = {login}
{unprivileged}
ssl = yes
ssl_cert = <{folder}/cert.pem
ssl_key = <{folder}/key.pem
disable_plaintext_auth = no
auth_failure_delay = 0
mail_max_userip_connections = 0
mail_fsync = never
first_valid_uid = 1
mail_location = maildir:{folder}/mail/%u
namespace inbox {{
  inbox = yes
  separator = /
}}
passdb {{
  driver = static
  args = password={password}
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={folder}/mail/%u
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = {tls_port}
    ssl = yes
  }}
}}
service anvil {{
  chroot =
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service stats {{
  chroot =
}}
protocol imap {{
  imap_capability = {capability}
}}
"""


def certificate(folder: Path) -> Path:
    """A self-signed one for localhost, with its key, made by openssl."""
    program = shutil.which("openssl")
    assert program, "openssl is not installed: tests/packages.sh names what the tests need"
    words = "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost"
    files = ["-keyout", f"{folder}/key.pem", "-out", f"{folder}/cert.pem"]
    subprocess.run([program, *words.split(), *files], check=True, capture_output=True)
    return folder / "cert.pem"


class Dovecot:
    """``capability``: instead of what it offers after signing in."""

    def __init__(self, folder: Path, *, capability: str = "") -> None:
        assert Path(_PROGRAM).exists(), "dovecot is not installed: tests/packages.sh names what the tests need"
        self.folder = folder
        self.port, self.tls_port = free_port(), free_port()
        self.ca = certificate(folder)
        self._capability = capability
        self._process: subprocess.Popen[bytes] | None = None
        root = os.geteuid() == 0
        me = getpass.getuser()
        uid, gid = (65534, 65534) if root else (os.getuid(), os.getgid())
        (folder / "mail").mkdir()
        folder.chmod(0o755)
        if root:
            os.chown(folder / "mail", uid, gid)
        (folder / "dovecot.conf").write_text(
            _CONFIG.format(
                folder=folder,
                internal="dovecot" if root else me,
                group="dovecot" if root else grp.getgrgid(os.getgid()).gr_name,
                login="dovenull" if root else me,
                unprivileged="" if root else f"service imap {{\n  user = {me}\n}}\n",
                password=PASSWORD,
                uid=uid,
                gid=gid,
                port=self.port,
                tls_port=self.tls_port,
                capability=capability,
            ),
            encoding="utf-8",
        )

    def start(self) -> None:
        words = [_PROGRAM, "-F", "-c", str(self.folder / "dovecot.conf")]
        self._process = subprocess.Popen(
            words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
        for _ in range(400):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=5) as peer:
                if peer.recv(4) == b"* OK":
                    return
            time.sleep(0.02)
        raise RuntimeError(f"dovecot did not start:\n{self.log()}")

    def stop(self) -> None:
        """kill -9 of it and all of its children: connections end without a word."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(20)
            self._process = None

    def log(self) -> str:
        path = self.folder / "dovecot.log"
        return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""

    @contextlib.contextmanager
    def client(self, user: str, folder: str | None = "INBOX") -> Iterator[imaplib.IMAP4]:
        """Python's own client. ``folder`` as the protocol writes it."""
        with imaplib.IMAP4("127.0.0.1", self.port, timeout=30) as client:
            client.login(user, PASSWORD)
            if folder is not None:
                answer, text = client.select(f'"{folder}"')
                assert answer == "OK", text
            yield client

    def doveadm(self, *words: str) -> str:
        """Its own tool: names of folders are plain UTF-8 there."""
        command = ["/usr/bin/doveadm", "-c", str(self.folder / "dovecot.conf"), *words]
        done = subprocess.run(command, check=True, capture_output=True, timeout=60)
        return done.stdout.decode("utf-8")

    def make(self, user: str, folder: str) -> None:
        self.doveadm("mailbox", "create", "-u", user, folder)

    def remove(self, user: str, folder: str) -> None:
        self.doveadm("mailbox", "delete", "-u", user, folder)

    def save(self, user: str, folder: str, mail: bytes) -> None:
        command = ["/usr/bin/doveadm", "-c", str(self.folder / "dovecot.conf"), "save", "-u", user, "-m", folder]
        subprocess.run(command, check=True, capture_output=True, input=mail, timeout=60)

    def put(self, user: str, *mails: bytes, folder: str = "INBOX", at: datetime | None = None) -> None:
        """``at``: when the mailbox got them."""
        date = imaplib.Time2Internaldate(at) if at is not None else ""
        with self.client(user, None) as client:
            for mail in mails:
                answer, text = client.append(f'"{folder}"', "", date, mail)
                assert answer == "OK", text

    def flags(self, user: str, folder: str = "INBOX") -> dict[int, set[str]]:
        """Of each mail by its UID, without \\Recent."""
        with self.client(user, folder) as client:
            _, found = client.uid("FETCH", "1:*", "(FLAGS)")
            pairs = [_FLAGS.search(line) for line in found if isinstance(line, bytes)]
            return {int(pair[1]): set(pair[2].decode().split()) - {"\\Recent"} for pair in pairs if pair}

    def unseen(self, user: str, folder: str = "INBOX") -> list[int]:
        return [uid for uid, flags in self.flags(user, folder).items() if "\\Seen" not in flags]

    def forget_uids(self, user: str) -> None:
        """What a restored backup or a moved mailbox looks like: other UIDs, another UIDVALIDITY."""
        time.sleep(1.1)  # it is a number of seconds
        for path in (self.folder / "mail" / user).rglob("dovecot*"):
            if path.is_file():
                path.unlink()


@contextlib.contextmanager
def dovecot(*, capability: str = "") -> Iterator[Dovecot]:
    with tempfile.TemporaryDirectory(prefix="priyom-dovecot-") as folder:
        server = Dovecot(Path(folder), capability=capability)
        server.start()
        try:
            yield server
        finally:
            server.stop()
