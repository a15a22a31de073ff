"""Shows the log of the system that a failed test was about."""

from collections.abc import Generator
from typing import Any

import pytest


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, Any]:
    report = yield
    system = getattr(item, "funcargs", {}).get("priyom")
    if report.when == "call" and report.failed and system is not None:
        report.sections.append(("log of the system under test", system.logs()))
    return report
