"""A Dovecot for all tests of IMAP; each has users of its own there."""

from collections.abc import Iterator

import pytest

from tests.dovecot import Dovecot, dovecot


@pytest.fixture(scope="session")
def server() -> Iterator[Dovecot]:
    with dovecot() as running:
        yield running
