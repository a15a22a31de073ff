"""docs/policy.md stands for itself: its files make a policy, and it names every key there is."""

import re
from pathlib import Path
from typing import Any

from config.loader import check, compile_policy
from config.schema import FILES, json_schemas
from domain.policy import FIELDS, PLACEHOLDERS

TEXT = (Path(__file__).parents[2] / "docs" / "policy.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```yaml\n# (\S+)\n(.*?)```", TEXT, flags=re.DOTALL)


def test_the_examples_are_one_policy_without_problems() -> None:
    documents = dict(BLOCKS)
    assert [file for file, _ in BLOCKS] == list(FILES)
    assert check(documents) == ()
    assert compile_policy(documents, 1).catalog["accounting/invoices"].group == "billing"


def keys_of(schema: Any) -> set[str]:
    """Every property name of a JSON Schema."""
    if isinstance(schema, list):
        return set().union(*(keys_of(each) for each in schema))
    if not isinstance(schema, dict):
        return set()
    own = set(schema.get("properties", {}))
    return own.union(*(keys_of(value) for value in schema.values()))


def test_every_key_of_every_file_is_described() -> None:
    quoted = set(re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", TEXT, flags=re.DOTALL)))
    keys = set().union(*(keys_of(schema) for schema in json_schemas().values())) - {"ru", "en", "p1", "p2", "p3", "p4"}
    keys -= {"high", "medium", "low"}
    assert keys >= {"reopen_days", "let_through", "embed_origins", "none"}
    assert sorted(keys - quoted) == []
    assert sorted(set(FIELDS) - quoted) == []
    assert sorted({f"{{{name}}}" for name in PLACEHOLDERS} - quoted) == []
