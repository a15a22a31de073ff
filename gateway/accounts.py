"""Accounts of channels as the settings name them: ``[channels.<adapter>.<account>]`` in ``priyom.toml``, or
``PRIYOM_CHANNELS__<ADAPTER>__<ACCOUNT>__<FIELD>``. Called when a process starts.

What an account may be told is its adapter's own dataclass (``CHANNELS`` in ``gateway.wiring``). Any text field may be
given as ``<field>_file``, the path of a file that holds it: for secrets.
"""

import dataclasses
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, get_origin, get_type_hints

from pydantic import TypeAdapter, ValidationError

from channels.health import Health
from channels.receiving import Receiver, Receiving
from domain.errors import Permanent
from domain.ports import Sender

A = TypeVar("A")

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """A line of the table of channels. ``channel``: what its messages are of (``email``); ``settings``: the dataclass
    of one account. ``sender`` makes the way out of an account, None for a channel that only takes in. ``receiver``
    makes what takes in, run by the role that is called like the section; None where it has a role or a route of its
    own, or only sends. ``sends``: whether an account has a way out, where not every one has."""

    channel: str
    settings: type
    sender: Callable[[Any, Health], Sender] | None = None
    receiver: Callable[[Any, Receiving], Receiver] | None = None
    sends: Callable[[Any], bool] = lambda _account: True


def accounts_of(
    given: Mapping[str, Mapping[str, Mapping[str, Any]]], adapter: str, settings: type[A]
) -> Mapping[str, A]:
    """By name. Raises ``Permanent`` that names each wrong field as it is written in the settings."""
    return {
        name: _account(f"channels.{adapter}.{name}", name, values, settings) for name, values in _of(given, adapter)
    }


def check(given: Mapping[str, Mapping[str, Mapping[str, Any]]], channels: Mapping[str, Channel]) -> None:
    """Raises ``Permanent`` for a section that no channel has, and for what is wrong in any account."""
    unknown = sorted(set(given) - set(channels))
    if unknown:
        raise Permanent(f"channels.{unknown[0]}: there is no such channel; there are {', '.join(sorted(channels))}")
    for adapter, channel in channels.items():
        accounts_of(given, adapter, channel.settings)


def _of(given: Mapping[str, Mapping[str, Mapping[str, Any]]], adapter: str) -> list[tuple[str, Mapping[str, Any]]]:
    return sorted(given.get(adapter, {}).items())


def _account(where: str, name: str, values: Mapping[str, Any], settings: type[A]) -> A:
    if not _NAME.fullmatch(name):
        raise Permanent(f"{where}: an account's name is of a-z, 0-9, - and _, 40 at most")
    fields = {field.name: field for field in dataclasses.fields(settings)}  # type: ignore[arg-type]
    taken = _from_files(where, values, fields)
    unknown = sorted(set(taken) - set(fields))
    if unknown:
        raise Permanent(f"{where}.{unknown[0]}: there is no such setting; there are {', '.join(sorted(fields))}")
    hints = get_type_hints(settings)
    problems = []
    for key, value in taken.items():
        try:
            taken[key] = _of_type(hints[key], value)
        except ValidationError as error:
            problems.append(f"{where}.{key}: {error.errors()[0]['msg']}")
    missing = [key for key, field in fields.items() if key not in taken and _required(field)]
    problems += [f"{where}.{key}: is needed" for key in missing]
    if problems:
        raise Permanent("\n".join(problems))
    try:
        return settings(**taken)
    except ValueError as error:  # what a field's value says together with the others
        raise Permanent(f"{where}: {error}") from error


def _of_type(hint: Any, value: Any) -> Any:
    """A variable of the environment is text: a list in it is written as JSON."""
    adapter: TypeAdapter[Any] = TypeAdapter(hint)
    if isinstance(value, str) and get_origin(hint) is tuple:
        return adapter.validate_json(value)
    return adapter.validate_python(value)


def _required(field: "dataclasses.Field[Any]") -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def _from_files(where: str, values: Mapping[str, Any], fields: Mapping[str, Any]) -> dict[str, Any]:
    taken = dict(values)
    for key in [key for key in taken if key.endswith("_file") and key not in fields and key[:-5] in fields]:
        path = taken.pop(key)
        if key[:-5] in taken:
            raise Permanent(f"{where}.{key}: {key[:-5]} is given as well")
        try:
            taken[key[:-5]] = Path(path).read_text(encoding="utf-8").strip()
        except OSError as error:
            raise Permanent(f"{where}.{key}: cannot read {path}: {error.strerror}") from error
    return taken
