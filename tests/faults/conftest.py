"""One instance for the faults that leave it whole."""

from collections.abc import Iterator

import pytest

from tests.journey.instance import Instance, instance
from tests.journey.showing import pytest_runtest_makereport

__all__ = ["pytest_runtest_makereport"]


@pytest.fixture(scope="session")
def priyom() -> Iterator[Instance]:
    with instance() as running:
        yield running
