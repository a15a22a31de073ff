"""YAML text -> plain values with the line of every key. Called by ``config.loader``.

Built on ruamel's node tree rather than on its objects, so that a key written twice and a date are seen as they stand
in the file, and so that every fault is found, not only the first. libyaml makes the tree: a policy has thousands of
lines. Dates stay text; anchors are refused: a policy says each thing where it is used.
"""

from dataclasses import dataclass, field
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from config.problems import Path, Problem, Severity, dotted

MAX_DEPTH = 40


@dataclass(slots=True)
class Document:
    """``value`` is None where the text could not be read. ``lines`` maps paths to lines, counted from 1."""

    file: str
    value: Any = None
    lines: dict[Path, int] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def line(self, path: Path) -> int:
        """The line of a path, or of the nearest thing above it that is in the file."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)

    def problem(self, path: Path, message: str, severity: Severity = "error") -> Problem:
        return Problem(file=self.file, line=self.line(path), key=dotted(path), message=message, severity=severity)


def read(file: str, text: str) -> Document:
    """Reads one file. Whatever is wrong with it is in ``problems`` and never raised."""
    document = Document(file)
    try:
        root = YAML(typ="safe", pure=False).compose(text)
    except MarkedYAMLError as fault:
        mark = fault.problem_mark or fault.context_mark
        line = min(mark.line, text.rstrip("\n").count("\n")) + 1 if mark else 1
        document.problems.append(
            Problem(file=file, line=line, key="", message=f"is not YAML: {fault.problem or fault.context}")
        )
        return document
    except YAMLError as fault:
        document.problems.append(Problem(file=file, line=1, key="", message=f"is not YAML: {fault}"))
        return document
    if root is None:
        document.problems.append(Problem(file=file, line=1, key="", message="is empty"))
        return document
    document.value = _Reader(document).value(root, ())
    return document


class _Reader:
    def __init__(self, document: Document) -> None:
        self.document = document
        self.seen: set[int] = set()

    def value(self, node: Node, path: Path) -> Any:
        self.document.lines.setdefault(path, node.start_mark.line + 1)
        if len(path) > MAX_DEPTH:
            self.document.problems.append(self.document.problem(path, "is nested too deeply"))
            return None
        if id(node) in self.seen:
            self.document.problems.append(self.document.problem(path, "repeats an anchor; write the value out"))
            return None
        self.seen.add(id(node))
        if isinstance(node, MappingNode):
            return self._mapping(node, path)
        if isinstance(node, SequenceNode):
            return [self.value(item, (*path, index)) for index, item in enumerate(node.value)]
        assert isinstance(node, ScalarNode), "YAML has three sorts of node"
        return self._scalar(node, path)

    def _mapping(self, node: MappingNode, path: Path) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = str(key_node.value)
            here = (*path, key)
            line = key_node.start_mark.line + 1
            if key in result:
                first = self.document.lines[here]
                message = f"is written twice; the first is on line {first}"
                self.document.problems.append(
                    Problem(file=self.document.file, line=line, key=dotted(here), message=message)
                )
                continue
            self.document.lines[here] = line
            result[key] = self.value(value_node, here)
        return result

    def _scalar(self, node: ScalarNode, path: Path) -> Any:
        tag, text = str(node.tag), str(node.value)
        if tag.endswith(":null"):
            return None
        if tag.endswith(":bool"):
            return text.lower() in ("true", "yes", "on")
        try:
            if tag.endswith(":int"):
                return int(text.replace("_", ""), 0)
            if tag.endswith(":float"):
                return float(text.replace("_", ""))
        except ValueError:
            self.document.problems.append(self.document.problem(path, f"is not a number: {text}"))
        return text
