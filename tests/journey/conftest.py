"""One instance for every journey that only looks: with LMTP, and a certificate for STARTTLS."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.journey.instance import Instance, instance
from tests.journey.showing import pytest_runtest_makereport

__all__ = ["pytest_runtest_makereport"]


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Certificate and key, self-signed, made by openssl for localhost."""
    folder = tmp_path_factory.mktemp("tls")
    program = shutil.which("openssl")
    assert program, "openssl is not installed: tests/packages.sh names what the tests need"
    words = "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost"
    files = ["-keyout", f"{folder}/key.pem", "-out", f"{folder}/cert.pem"]
    subprocess.run([program, *words.split(), *files], check=True, capture_output=True)
    return folder / "cert.pem", folder / "key.pem"


@pytest.fixture(scope="session")
def priyom(certificate: tuple[Path, Path]) -> Iterator[Instance]:
    cert, key = certificate
    with instance(settings={"PRIYOM_TLS_CERT": str(cert), "PRIYOM_TLS_KEY": str(key)}) as running:
        yield running
