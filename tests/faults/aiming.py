"""Kills of a process between two steps of its work (see ``tests.faults.aimed``)."""

import signal
from collections.abc import Mapping
from pathlib import Path

from gateway.roles import FRONT, PARSE, WORK
from tests.journey.cluster import Cluster
from tests.journey.instance import Instance, Part
from tests.journey.system import System, until

_ROLES: Mapping[Part, str] = {"front": "-".join(FRONT), "parse": "-".join(PARSE), "work": "-".join(WORK)}


def arm(system: System, roles: str, spot: str) -> Path:
    """The process of these roles is killed when it next comes there. The file is gone as soon as it has."""
    armed = Path(system.environment["PRIYOM_TEST_AIM"]) / f"{roles} {spot}"
    armed.touch()
    return armed


def has_fallen(priyom: Cluster, role: str) -> None:
    """Returns once the role was killed; it is not started again."""
    process = priyom.processes[role]
    until(f"{role} has killed itself", lambda: process.poll() is not None)
    assert process.returncode == -signal.SIGKILL, priyom.log(role)
    del priyom.processes[role]


def kill_at(priyom: Cluster, role: str, spot: str) -> None:
    """Kills the role there, and starts it again."""
    armed = arm(priyom, role, spot)
    has_fallen(priyom, role)
    assert not armed.exists()
    priyom.start(role)


def kill_part_at(priyom: Instance, part: Part, spot: str) -> None:
    """The same for a child of ``priyom up``; the supervisor starts it again."""
    old = priyom.part(part)
    armed = arm(priyom, _ROLES[part], spot)
    until(f"{part} has killed itself {spot}", lambda: not armed.exists())
    priyom.is_again(part, old)
