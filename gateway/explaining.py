"""Why is it here: the decision of a ticket with the rules that were tried, made again when somebody asks.

A decision is recomputed with the revision it was made by, not with the one that runs now.
"""

import asyncio

from config.loader import compile_policy
from domain.decision import Decision
from domain.policy import Policy
from domain.views import Scope
from gateway.policies import Policies
from router.explain import explain
from store import Database

_KEPT = 4


class Explainer:
    def __init__(self, database: Database, policies: Policies) -> None:
        self._database = database
        self._policies = policies
        self._compiled: dict[int, Policy] = {}

    async def explain(self, scope: Scope, number: int) -> Decision:
        """Raises ``NotFound`` outside the scope. A revision that is gone gives the decision without what was tried."""
        message, decision = await self._database.views.opening_message(scope, number)
        policy = await self._policy(decision.revision)
        return decision if policy is None else explain(message, decision, policy)

    async def _policy(self, number: int) -> Policy | None:
        if number == self._policies.current.revision:
            return self._policies.current
        if number not in self._compiled:
            revision = await self._database.revisions.get(number)
            if revision is None:
                return None
            if len(self._compiled) >= _KEPT:
                self._compiled.pop(next(iter(self._compiled)))
            self._compiled[number] = await asyncio.to_thread(compile_policy, revision.documents, number)
        return self._compiled[number]
