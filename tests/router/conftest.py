"""The small policy of ``tests.router.policies``, as a fixture."""

import pytest

from domain.policy import Policy
from tests.router.policies import make_policy


@pytest.fixture(scope="session")
def policy() -> Policy:
    return make_policy()
