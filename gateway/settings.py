"""Settings: environment ``PRIYOM_*`` over ``priyom.toml``; secrets also from a file (``PRIYOM_..._FILE``).

A wrong setting stops the start and is named as it was written. The policy never holds settings, nor secrets.
"""

import os
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from domain.errors import Permanent

_SECRETS = ("secret", "nats_url", "database_url", "lookup_token")


class Settings(BaseSettings):
    """What an operator may set. Sizes are bytes, times seconds."""

    model_config = SettingsConfigDict(
        env_prefix="PRIYOM_", env_nested_delimiter="__", toml_file="priyom.toml", extra="forbid", frozen=True
    )

    data_dir: Path = Field(Path("data"), description="folder of an embedded instance: database, bus, blobs, spool")
    database_url: SecretStr | None = Field(None, description="postgresql://... or sqlite:///...; default: in data_dir")
    nats_url: SecretStr | None = Field(None, description="nats://user:password@host:4222; default: the embedded one")
    nats_replicas: int = Field(1, ge=1, le=5, description="copies of each stream in a cluster")
    blobs_dir: Path | None = Field(None, description="shared folder of raw messages and attachments")
    spool_dir: Path | None = Field(None, description="folder on a persistent volume for mail while the bus is away")
    spool_limit: int = Field(2 * 1024**3, ge=0, description="most bytes the spool may hold")
    rawlog_limit: int = Field(16 * 1024**3, ge=0, description="most bytes of the raw log; 0 for no limit")
    reconcile_grace: float = Field(20, gt=0, description="age at which an unsettled raw message may be driven again")
    rawlog_days: float = Field(7, gt=0, description="days a settled message stays in the raw log")
    secret: SecretStr | None = Field(None, description="key of tokens and signed links, 32 characters and more")

    http: str = Field("127.0.0.1:8080", description="where pages, forms and the API listen; port 0 picks a free one")
    smtp: str = Field("127.0.0.1:8025", description="where SMTP listens")
    lmtp: str | None = Field(None, description="where LMTP listens; none by default")
    base_url: str | None = Field(None, description="address of the pages as people reach them, https://...")
    hostname: str = Field("localhost", description="name that SMTP greets with")
    tls_cert: Path | None = Field(None, description="certificate chain (PEM) for STARTTLS")
    tls_key: Path | None = Field(None, description="key of that certificate (PEM)")
    smtp_connections: int = Field(500, ge=1, description="most SMTP connections at once")
    smtp_connections_per_peer: int = Field(50, ge=1, description="most of them from one address")
    smtp_rate_per_peer: int = Field(6000, ge=1, description="most mails a minute from one address")
    smtp_timeout: float = Field(300, gt=0, description="a silent SMTP connection is closed after this")
    channels: dict[str, dict[str, dict[str, Any]]] = Field(
        {}, description="accounts of channels: PRIYOM_CHANNELS__<ADAPTER>__<ACCOUNT>__<FIELD>; see docs/channels"
    )
    lookup_url: str | None = Field(
        None, description="what is asked about who writes: https://...; see docs/operating.md"
    )
    lookup_token: SecretStr | None = Field(None, description="bearer token of the lookup")
    lookup_timeout: float = Field(1.5, gt=0, le=30, description="most seconds that a message waits for the lookup")
    lookup_keep: float = Field(300, ge=0, description="seconds that an answer of the lookup is good for")
    lookup_private: bool = Field(False, description="whether the lookup may be inside our own network")
    agents_language: Literal["ru", "en"] = Field("ru", description="language of letters to agents: ru or en")
    form_rate_per_peer: int = Field(30, ge=1, description="most form submissions in ten minutes from one address")
    ops: str | None = Field(None, description="where health and metrics of a process without pages listen")

    parse_limit: float = Field(2.0, gt=0, description="most time a heavy message may take to parse")
    parse_workers: int = Field(1, ge=1, le=32, description="killable parser processes of a normalizer")
    grace: float = Field(15, gt=0, description="time to finish what is in hand when told to stop")
    log_level: str = Field("info", pattern="^(debug|info|warning|error)$", description="debug, info, warning or error")

    @field_validator("http", "smtp", "lmtp", "ops")
    @classmethod
    def _is_address(cls, value: str | None) -> str | None:
        if value is not None:
            split_address(value)
        return value

    @field_validator("secret")
    @classmethod
    def _is_long(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and len(value.get_secret_value()) < 32:
            raise ValueError("needs 32 characters or more")
        return value

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)

    @property
    def database(self) -> str:
        return self.database_url.get_secret_value() if self.database_url else f"sqlite:///{self.data_dir}/priyom.db"

    @property
    def blobs(self) -> Path:
        return self.blobs_dir or self.data_dir / "blobs"

    @property
    def embedded(self) -> bool:
        """No bus of its own was named: the one of ``priyom up`` in the data folder."""
        return self.nats_url is None


def split_address(text: str) -> tuple[str, int]:
    """``127.0.0.1:8080`` or ``[::1]:8080`` -> host and port. Raises ``ValueError`` with the reason."""
    host, colon, port = text.rpartition(":")
    if not colon or not port.isdigit() or int(port) > 65_535:
        raise ValueError(f"{text!r} is not HOST:PORT")
    return host.strip("[]") or "0.0.0.0", int(port)  # noqa: S104 - what an empty host means everywhere


def _from_files() -> dict[str, Any]:
    """Values of ``PRIYOM_<SECRET>_FILE``, for secrets that are mounted as files."""
    found = {}
    for name in _SECRETS:
        variable = f"PRIYOM_{name.upper()}_FILE"
        if path := os.environ.get(variable):
            try:
                found[name] = Path(path).read_text(encoding="utf-8").strip()
            except OSError as error:
                raise Permanent(f"{variable}: cannot read {path}: {error.strerror}") from error
    return found


def load(**given: Any) -> Settings:
    """The settings in force; ``given`` (command line) wins, ``None`` values in it do not count. Raises ``Permanent``
    that names each wrong setting as its variable."""
    unknown = _unknown_variables()
    if unknown:
        raise Permanent(f"{unknown[0]}: there is no such setting")
    try:
        return Settings(**_from_files(), **{name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        lines = [f"PRIYOM_{'_'.join(str(p) for p in e['loc']).upper()}: {e['msg']}" for e in error.errors()]
        raise Permanent("\n".join(lines)) from error
    except ValueError as error:  # priyom.toml is no TOML
        raise Permanent(f"priyom.toml: {error}") from error


def _unknown_variables() -> list[str]:
    known = {f"PRIYOM_{name.upper()}" for name in Settings.model_fields}
    known |= {f"PRIYOM_{name.upper()}_FILE" for name in _SECRETS}
    own = ("PRIYOM_CHANNELS__", "PRIYOM_RUN_", "PRIYOM_TEST_", "PRIYOM_FUZZ_")
    return sorted(v for v in os.environ if v.startswith("PRIYOM_") and v not in known and not v.startswith(own))


def described() -> str:
    """A line for each setting, for ``--help``."""
    lines = []
    for name, field in Settings.model_fields.items():
        default = "" if field.default in (None, {}) else f" [{field.default}]"
        lines.append(f"PRIYOM_{name.upper()}{default}: {field.description}")
    return "\n\n".join(lines)
