"""A folder or a set of YAML documents -> the compiled policy, or everything that is wrong with it.

``load_folder`` reads the files, ``check`` names the faults, ``compile_policy`` gives the ``Policy``. Called by gateway
when it starts, by the ``policy`` commands and by the desk's administration. Deterministic: the same documents make the
same policy.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path as FilePath
from typing import Any

from pydantic import BaseModel, ValidationError

from config.bundle import Bundle, placed
from config.catalog_schema import CatalogFile
from config.compiler import compiled
from config.documents import Document, read
from config.lint import lint
from config.names import catalog_path
from config.problems import Path, PolicyInvalid, Problem
from config.schema import FILES, OPTIONAL
from domain.people import Agent
from domain.policy import Policy

Documents = Mapping[str, str]
"""File name -> YAML text."""

SAMPLE = FilePath(__file__).parent / "sample"
"""The policy that comes along: a business software vendor."""

_SAYS = {
    "missing": "is missing",
    "extra_forbidden": "is not a known key",
    "string_type": "must be text",
    "int_type": "must be a whole number",
    "bool_type": "must be true or false",
    "list_type": "must be a list",
    "tuple_type": "must be a list",
    "too_long": "has too many items",
    "dict_type": "must be a mapping of keys to values",
    "model_type": "must be a mapping of keys to values",
    "model_attributes_type": "must be a mapping of keys to values",
    "string_too_short": "must not be empty",
    "too_short": "must not be empty",
    "literal_error": "must be {expected}",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "string_pattern_mismatch": "must match the pattern {pattern}",
}


def load_folder(path: FilePath | str) -> Documents:
    """Every YAML file of the folder. Raises ``PolicyInvalid`` where the folder or a file cannot be read."""
    folder = FilePath(path)
    documents: dict[str, str] = {}
    problems = []
    for file in sorted(folder.glob("*.yaml")) if folder.is_dir() else ():
        try:
            documents[file.name] = file.read_bytes().decode("utf-8")
        except (OSError, UnicodeDecodeError) as fault:
            problems.append(Problem(file=file.name, line=0, key="", message=f"cannot be read: {fault}"))
    if not documents and not problems:
        problems.append(Problem(file=str(path), line=0, key="", message="holds no policy files"))
    if problems:
        raise PolicyInvalid(problems)
    return documents


def check(documents: Documents, staff: Sequence[Agent] | None = None) -> tuple[Problem, ...]:
    """Everything that is wrong, by file and line. Nothing of severity ``error``: it compiles. ``staff``: the agents,
    where the instance is known."""
    return _examine(documents, staff)[0]


def compile_policy(documents: Documents, revision: int) -> Policy:
    """Raises ``PolicyInvalid`` with every problem."""
    problems, bundle, sources = _examine(documents)
    if any(problem.severity == "error" for problem in problems):
        raise PolicyInvalid(problems)
    return compiled(bundle, sources["rules.yaml"], revision)


def read_policy(documents: Documents) -> Bundle:
    """The files in their own shape, for who compares or shows them. Raises ``PolicyInvalid`` with every problem."""
    problems, bundle, _ = _examine(documents)
    if any(problem.severity == "error" for problem in problems):
        raise PolicyInvalid(problems)
    return bundle


def vanished(documents: Documents, head: Documents) -> tuple[Problem, ...]:
    """Catalog entries of a head that other documents do not have any more, though tickets may. Where either catalog
    cannot be read nothing is known."""
    file = "catalog.yaml"
    old, new = (_read(file, each.get(file, "")) for each in (head, documents))
    if not isinstance(old.model, CatalogFile) or not isinstance(new.model, CatalogFile):
        return ()
    kept = {entry.path for entry in placed(new.model)}
    gone = [entry for entry in placed(old.model) if entry.path not in kept]
    said = "is gone; tickets may have it: retire it instead (retired: true)"
    return tuple(new.source.problem(catalog_path(entry.path), said) for entry in gone)


def _examine(
    documents: Documents, staff: Sequence[Agent] | None = None
) -> tuple[tuple[Problem, ...], Bundle, dict[str, Document]]:
    problems: list[Problem] = []
    for file in documents:
        if file not in FILES:
            known = ", ".join(FILES)
            problems.append(Problem(file=file, line=0, key="", message=f"is not a policy file; there are {known}"))
    sources: dict[str, Document] = {}
    parts: dict[str, Any] = {}
    for file in FILES:
        if file not in documents:
            if file in OPTIONAL:
                continue
            problems.append(Problem(file=file, line=0, key="", message="is missing"))
            continue
        part = _read(file, documents[file])
        problems += part.problems
        sources[file] = part.source
        parts[file.removesuffix(".yaml")] = part.model
    bundle = Bundle(**parts)
    problems += lint(bundle, sources, staff)
    return tuple(sorted(set(problems), key=lambda p: (p.file, p.line, p.key, p.message))), bundle, sources


@dataclass(frozen=True, slots=True)
class _Part:
    """One file, read; ``model`` is None where it has not the shape it should."""

    source: Document
    model: BaseModel | None
    problems: tuple[Problem, ...]


@lru_cache(maxsize=64)
def _read(file: str, text: str) -> _Part:
    """Reading YAML is most of the work, and of all files an editor changes one at a time."""
    source = read(file, text)
    problems = list(source.problems)
    if source.value is None:
        return _Part(source, None, tuple(problems))
    try:
        return _Part(source, FILES[file].model_validate(source.value), tuple(problems))
    except ValidationError as faults:
        for fault in faults.errors(include_url=False):
            path: Path = tuple(part for part in fault["loc"] if part != "[key]")
            problems.append(source.problem(path, _message(fault["type"], fault["msg"], path, fault.get("ctx", {}))))
    return _Part(source, None, tuple(problems))


def _message(kind: str, message: str, path: Path, numbers: Mapping[str, Any]) -> str:
    if kind == "missing" and path[-1:] in (("ru",), ("en",)):
        return "the translation is missing"
    return _SAYS[kind].format(**numbers) if kind in _SAYS else message.removeprefix("Value error, ")
