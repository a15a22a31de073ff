"""What it is about: the rules in order, then catalog entry and kind.

A rule sets what no rule before it has set. The requester's own choice of a catalog entry stands above the rules; below
them stand the entry that the recipient's address starts from, and the defaults.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from domain.decision import Step
from domain.message import Message
from domain.policy import CatalogEntry, Kind, Policy
from router.compiled import ReadyRule, ReadyRules
from router.features import Features


@dataclass(frozen=True, slots=True)
class Hit:
    """A value that a rule set."""

    value: str
    ready: ReadyRule

    @property
    def key(self) -> str:
        return self.ready.rule.key

    def sentence(self, features: Features) -> str:
        rule = self.ready.rule
        where = f" ({rule.where})" if rule.where else ""
        return f"Rule {rule.key}{where} matched: {self.ready.test.why(features)}."


Hits = Mapping[str, Hit]


@dataclass(frozen=True, slots=True)
class Start:
    """The catalog entry before any rule: ``chosen`` by the requester themselves, or where their mail starts from."""

    path: str | None
    why: str
    chosen: bool = False


def start_catalog(message: Message, policy: Policy) -> Start:
    if message.alert is not None:
        return _start_of_alert(message, policy)
    if message.catalog is not None and message.catalog in policy.catalog:
        return Start(message.catalog, "The requester chose it.", chosen=True)
    unknown = f"The requester chose {message.catalog[:80]}, which the policy does not have. " if message.catalog else ""
    for recipient in message.recipients:
        address = plain_address(recipient)
        if address in policy.mail.catalogs:
            return Start(policy.mail.catalogs[address], f"{unknown}Mail to {address} starts from it.")
    return Start(None, unknown)


def _start_of_alert(message: Message, policy: Policy) -> Start:
    """Where the account's alerts start from, else where all do; rules may say otherwise."""
    if message.catalog is not None and message.catalog in policy.catalog:
        return Start(message.catalog, f"Alerts of account {message.account} start from it.")
    given = policy.alerts.catalog if policy.alerts else None
    return Start(given, "The policy has alerts start from it." if given else "")


def apply_rules(rules: ReadyRules, features: Features, *, chosen: bool) -> Hits:
    """What the rules set. ``chosen``: the catalog entry is settled and no rule may set it."""
    hits: dict[str, Hit] = {}
    settled = {"catalog"} if chosen else set()
    for ready in rules.among(features.words("text").known):
        sets = ready.rule.sets
        if settled.issuperset(sets) or ready.test.found(features) is None:
            continue
        for key, value in sets.items():
            if key not in settled:
                settled.add(key)
                hits[key] = Hit(value, ready)
                if key == "catalog":
                    features.catalog = value
    return hits


def choose_catalog(hits: Hits, features: Features, policy: Policy, start: Start) -> tuple[CatalogEntry, Step]:
    hit = hits.get("catalog")
    if hit is not None and not start.chosen and hit.value in policy.catalog:
        prefix = start.why if start.path is None else ""
        return _entry(policy, hit.value, prefix + hit.sentence(features), hit.key)
    if start.path is not None and start.path in policy.catalog:
        return _entry(policy, start.path, start.why)
    return _entry(policy, policy.default_catalog, f"{start.why}No rule named an entry, so it is the default.")


def choose_kind(hits: Hits, features: Features, policy: Policy, entry: CatalogEntry) -> tuple[Kind, Step]:
    hit = hits.get("kind")
    if hit is not None and hit.value in policy.kinds:
        kind = policy.kinds[hit.value]
        return kind, Step(step="kind", outcome=kind.key, because=hit.sentence(features), rule=hit.key)
    given = policy.alerts.kind if policy.alerts and features.message.alert else None
    if given is not None and given in policy.kinds:
        return policy.kinds[given], Step(step="kind", outcome=given, because="The policy gives it to alerts.")
    if entry.kind is not None and entry.kind in policy.kinds:
        kind = policy.kinds[entry.kind]
        return kind, Step(step="kind", outcome=kind.key, because=f"It is the usual kind for {entry.path}.")
    kind = policy.kinds[policy.default_kind]
    return kind, Step(step="kind", outcome=kind.key, because="No rule named a kind, so it is the default.")


def plain_address(address: str) -> str:
    """Without the plus-tag that a ticket token travels in: ``support+t12.abc@x`` -> ``support@x``."""
    local, _, domain = address.lower().rpartition("@")
    return f"{local.partition('+')[0]}@{domain}"


def _entry(policy: Policy, path: str, because: str, rule: str | None = None) -> tuple[CatalogEntry, Step]:
    return policy.catalog[path], Step(step="catalog", outcome=path, because=because, rule=rule)
