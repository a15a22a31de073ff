"""docs/benchmarks.md: a section a benchmark, replaced by each run that is asked to write."""

import os
import platform
from datetime import UTC, datetime
from pathlib import Path

PAGE = Path(__file__).parent.parent / "docs" / "benchmarks.md"
_HEAD = "# Benchmarks\n\nEach section is written by its command; figures of one section come from one run.\n"


def write_section(name: str, command: str, text: str) -> None:
    """Puts ``text`` under the heading ``name``, with the command, the day and the machine's size."""
    page = PAGE.read_text(encoding="utf-8") if PAGE.exists() else _HEAD
    start, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    where = f"{os.cpu_count()} cores, Python {platform.python_version()}"
    section = f"{start}\n## {name}\n\n`{command}` ({datetime.now(UTC):%Y-%m-%d}, {where})\n\n{text}\n{end}\n"
    if start in page:
        before, _, rest = page.partition(start)
        page = before + section + rest.partition(end)[2].lstrip("\n")
    else:
        page = f"{page.rstrip()}\n\n{section}"
    PAGE.write_text(page, encoding="utf-8")
