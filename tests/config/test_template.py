"""The block to copy for a new kind: valid as it stands, and with every key there is."""

from typing import Any

import pytest
from pydantic import BaseModel

from config.catalog_schema import FieldDoc
from config.documents import read
from config.kind_schema import CheckDoc, ClosingDoc, KindDoc, PassOnDoc, StageDoc, SubstatusDoc
from config.loader import SAMPLE, Documents, check, compile_policy, load_folder
from tests.config.test_broken import BASE

BLOCK = (SAMPLE.parent / "templates" / "kind.yaml").read_text(encoding="utf-8")


@pytest.mark.parametrize("documents", [load_folder(SAMPLE), BASE], ids=["sample", "base"])
def test_the_block_pasted_under_kinds_makes_one_kind_more(documents: Documents) -> None:
    before, marker, after = documents["kinds.yaml"].partition("\nkinds:\n")
    assert marker
    pasted = {**documents, "kinds.yaml": before + marker + BLOCK + after}
    assert check(pasted) == check(documents)
    policy = compile_policy(pasted, 1)
    assert set(policy.kinds) == {*compile_policy(documents, 1).kinds, "new-kind"}
    assert policy.kinds["new-kind"].pass_on.needs == ("error_text",)


def keys(value: Any) -> set[str]:
    if not isinstance(value, dict):
        return set()
    return set(value).union(*(keys(each) for each in value.values()))


@pytest.mark.parametrize("model", [KindDoc, FieldDoc, StageDoc, CheckDoc, SubstatusDoc, PassOnDoc, ClosingDoc])
def test_the_block_shows_every_key(model: type[BaseModel]) -> None:
    shown = keys(read("kinds.yaml", "kinds:\n" + BLOCK).value)
    assert set(model.model_fields) - shown == set()
