"""The shape of the policy files, one model a file. Strict: a key that is not here is refused.

Arrives: plain values of ``config.documents``. Leaves: the models that ``config.lint`` checks against each other and
``config.compiler`` makes the policy of. ``json_schemas`` describes the same shapes to editors. Here are the head of the
policy and what faces outward; the other files have modules of their own.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from config.catalog_schema import CatalogFile
from config.kind_schema import KindsFile
from config.letter_schema import LettersFile
from config.line_schema import CalendarsFile, LinesFile
from config.plan_schema import PlansFile
from config.reaction_schema import ReactionsFile
from config.rule_schema import RulesFile
from config.values import (
    Choice,
    Domain,
    Duration,
    LevelName,
    Mailbox,
    PriorityName,
    Slug,
    Steps,
    Strict,
    TextDoc,
    Words,
)

SeverityName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]{0,62}$")]
"""As alerts have it: in lower case, without blanks."""


class DefaultsDoc(Strict):
    """What a request gets where nothing says otherwise; ``refused``: where it goes whose requester may not use the
    entry."""

    catalog: str
    kind: Slug
    plan: Slug
    line: Slug
    refused: str | None = None


class PriorityFieldDoc(Strict):
    """An answer of the requester -> the impact or urgency it stands for."""

    name: Slug
    impact: dict[Choice, LevelName] = Field(default={})
    urgency: dict[Choice, LevelName] = Field(default={})


class AdjustmentsDoc(Strict):
    vip: Steps = 0
    repeat: Steps = 0
    paid_field: Slug | None = None
    fields: list[PriorityFieldDoc] = Field(default=[])


class IvrDoc(Strict):
    wait: Duration = 600


class SeverityDoc(Strict):
    impact: LevelName
    urgency: LevelName


class AlertsDoc(Strict):
    """What becomes of monitoring systems' alerts."""

    catalog: str | None = None
    kind: Slug | None = None
    severities: dict[SeverityName, SeverityDoc] = Field(default={})
    resolved: Literal["close", "note"] = "note"
    link_within: Duration = 86_400


class PolicyFile(Strict):
    name: TextDoc
    defaults: DefaultsDoc
    matrix: dict[LevelName, dict[LevelName, PriorityName]]
    """impact -> urgency -> priority."""
    reopen_days: int = Field(default=14, ge=0, le=3650)
    repeat_days: int = Field(default=7, ge=0, le=30)
    skills: dict[Slug, TextDoc] = Field(default={})
    ping_pong: int = Field(default=3, ge=1, le=100)
    internal_pauses: bool = False
    adjustments: AdjustmentsDoc = AdjustmentsDoc()
    ivr: IvrDoc = IvrDoc()
    alerts: AlertsDoc | None = None


class AddressDoc(Strict):
    catalog: str | None = None


class MailDoc(Strict):
    domains: list[Domain] = Field(min_length=1)
    addresses: dict[Mailbox, AddressDoc]
    authserv_ids: list[str] = Field(default=[])
    sender_verification: Literal["when_present", "required"] = "when_present"
    token_suffices: bool = False
    public_domains: list[Domain] = Field(default=[])
    max_size: int = Field(default=26_214_400, ge=65_536)


class MailFile(Strict):
    mail: MailDoc


class FormDoc(Strict):
    title: TextDoc
    intro: TextDoc
    consent: TextDoc
    consent_version: Words
    catalogs: list[str] = Field(default=[])
    min_seconds: int = Field(default=3, ge=0)
    max_files: int = Field(default=10, ge=0)
    max_file_bytes: int = Field(default=20_971_520, ge=0)
    max_total_bytes: int = Field(default=26_214_400, ge=0)
    embed_origins: list[Annotated[str, Field(pattern=r"^https?://[^/\s]+$")]] = Field(default=[])


class FormsFile(Strict):
    forms: dict[Slug, FormDoc]


FILES: dict[str, type[BaseModel]] = {
    "policy.yaml": PolicyFile,
    "lines.yaml": LinesFile,
    "calendars.yaml": CalendarsFile,
    "plans.yaml": PlansFile,
    "catalog.yaml": CatalogFile,
    "kinds.yaml": KindsFile,
    "rules.yaml": RulesFile,
    "mail.yaml": MailFile,
    "forms.yaml": FormsFile,
    "letters.yaml": LettersFile,
    "reactions.yaml": ReactionsFile,
}
"""Every file of a policy folder."""

OPTIONAL = frozenset({"reactions.yaml"})
"""Files that a folder may go without."""


def json_schemas() -> dict[str, dict[str, Any]]:
    """JSON Schema of each file, by file name."""
    return {file: model.model_json_schema(by_alias=True) for file, model in FILES.items()}
