"""Settings: read once by the entry points from YAML and environment, then passed down as values."""

import re
import shlex
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    StringConstraints,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    YamlConfigSettingsSource,
)

from komadori.domain.backends import BackendName
from komadori.domain.requests import SIDE_MAX, SIDE_MIN
from komadori.domain.servers import ServerName

ROOT = Path(__file__).resolve().parent.parent
DEFAULTS = ROOT / "config" / "default_config.yaml"
LOCAL = ROOT / "config" / "local.yaml"

PARENT_VARIABLE = "KOMADORI_PARENT_PID"
"""Set by the page for the consumers it starts: they end when that process does."""

Seconds = Annotated[float, Field(gt=0)]


class SettingsInvalid(Exception):
    """A setting has a value that cannot be; the message says which, and what is allowed."""


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class PageSettings(_Section):
    """Where the page listens."""

    host: str
    port: Annotated[int, Field(ge=1, le=65535)]


class DatabaseSettings(_Section):
    """Where jobs are kept. The address may hold a password, so it is a secret."""

    url: SecretStr | None


class QueueSettings(_Section):
    """What rings for the workers."""

    backend: Literal["sqlite", "redis"]
    redis_url: SecretStr | None

    @model_validator(mode="after")
    def _redis_needs_a_url(self) -> Self:
        if self.backend == "redis" and self.redis_url is None:
            raise ValueError(
                "set queue.redis_url (KOMADORI_QUEUE__REDIS_URL), or use the sqlite backend"
            )
        return self


def _is_size(text: str) -> str:
    if not re.fullmatch(r"\d{2,4}x\d{2,4}", text):
        raise ValueError(f"{text!r} is not a size; write width x height, such as 1280x720")
    if not all(SIDE_MIN <= int(side) <= SIDE_MAX for side in text.split("x")):
        raise ValueError(f"each side of a picture has {SIDE_MIN} to {SIDE_MAX} pixels")
    return text


class ImageSettings(_Section):
    """How pictures are made."""

    provider: BackendName
    size: Annotated[str, AfterValidator(_is_size)]
    timeout: Seconds
    download_timeout: Seconds
    download_max_mb: Annotated[float, Field(gt=0, le=64)]
    reference_max_kb: Annotated[int, Field(ge=16, le=20_000)]

    @property
    def pixels(self) -> tuple[int, int]:
        """Width and height in pixels."""
        width, height = self.size.split("x")
        return int(width), int(height)


class ConcurrencySettings(_Section):
    """How much is done at once on this machine."""

    image_workers: Annotated[int, Field(ge=1, le=64)]
    extra_image_workers: Annotated[int, Field(ge=0, le=64)]


class StepSettings(_Section):
    """Time limits and retries of a step."""

    soft_limit_s: Seconds
    hard_limit_s: Seconds
    retries: Annotated[int, Field(ge=0, le=100)]
    retry_delay_s: Annotated[float, Field(ge=0)]

    @model_validator(mode="after")
    def _soft_comes_first(self) -> Self:
        if self.soft_limit_s >= self.hard_limit_s:
            raise ValueError("soft_limit_s must be smaller than hard_limit_s")
        return self


class Defaults(_Section):
    """What a job gets when it does not say otherwise."""

    image: ImageSettings
    concurrency: ConcurrencySettings
    step: StepSettings


class WorkerSettings(_Section):
    """How worker processes live."""

    lease_s: Annotated[float, Field(ge=1)]
    max_steps: Annotated[int, Field(ge=1)]
    scale_up_after_s: Annotated[float, Field(ge=0)]
    scale_down_after_s: Annotated[float, Field(ge=0)]


class ServerSettings(_Section):
    """One ComfyUI server: one that we may start (`command`), or one that is only watched."""

    name: ServerName
    url: Annotated[str, StringConstraints(pattern=r"^https?://[^\s/]+(/[^\s]*)?$")]
    host: str | None = None
    command: tuple[str, ...] | None = None
    cwd: Path | None = None
    environment: dict[str, str] = Field(default_factory=dict)
    min_instances: Annotated[int, Field(ge=0, le=16)] = 1
    max_instances: Annotated[int, Field(ge=1, le=16)] = 1

    @field_validator("command", mode="before")
    @classmethod
    def _words(cls, command: object) -> object:
        """A command may be one line, split as a shell does; nothing is run by a shell."""
        return tuple(shlex.split(command)) if isinstance(command, str) else command

    @field_validator("cwd")
    @classmethod
    def _at_home(cls, cwd: Path | None) -> Path | None:
        return cwd.expanduser() if cwd else None

    @model_validator(mode="after")
    def _only_ours_are_several(self) -> Self:
        if self.min_instances > self.max_instances:
            raise ValueError("min_instances must not be more than max_instances")
        if self.command is None and (self.min_instances, self.max_instances) != (1, 1):
            raise ValueError("only a server with a command can have several instances")
        return self


class ProbeSettings(_Section):
    """How servers are looked at."""

    interval_s: Seconds
    timeout_s: Seconds


class ServerLimits(_Section):
    """From which use of the machine on something is done about it, in per cent."""

    memory_percent: Annotated[float, Field(gt=0, le=100)]
    cpu_percent: Annotated[float, Field(gt=0, le=100)]
    vram_percent: Annotated[float, Field(gt=0, le=100)]


class ComfySettings(_Section):
    """The ComfyUI servers, and how they are kept alive."""

    servers: tuple[ServerSettings, ...]
    workflows_dir: Path
    probe: ProbeSettings
    limits: ServerLimits
    start_silent_s: Seconds
    start_most_s: Seconds
    silent_limit_s: Seconds
    wedge_s: Seconds
    backoff_s: tuple[Annotated[float, Field(ge=0)], ...]
    crashes_most: Annotated[int, Field(ge=1)]
    crashes_within_minutes: Annotated[float, Field(gt=0)]
    recycle_after_prompts: Annotated[int, Field(ge=1)] | None
    recycle_after_hours: Annotated[float, Field(gt=0)] | None
    unload_after_minutes: Annotated[float, Field(gt=0)] | None
    scale_up_after_s: Annotated[float, Field(ge=0)]
    scale_down_after_s: Annotated[float, Field(ge=0)]

    @field_validator("servers")
    @classmethod
    def _names_differ(cls, servers: tuple[ServerSettings, ...]) -> tuple[ServerSettings, ...]:
        names = [server.name for server in servers]
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise ValueError(f"two servers are named {twice!r}; give each its own name")
        return servers

    @field_validator("servers")
    @classmethod
    def _places_differ(cls, servers: tuple[ServerSettings, ...]) -> tuple[ServerSettings, ...]:
        for number, one in enumerate(servers):
            for other in servers[:number]:
                _keep_apart(other, one)
        return servers


def _keep_apart(one: ServerSettings, other: ServerSettings) -> None:
    """See that two servers are not one, and do not take a port from each other.

    Raises:
        ValueError: they are, or do.
    """
    names = f"the servers {one.name!r} and {other.name!r}"
    if _address(one.url) == _address(other.url):
        raise ValueError(f"{names} have the same url; name each server once")
    for first, second in ((one, other), (other, one)):
        number = second.name.removeprefix(first.name + "-")
        is_number = second.name != number and number.isdecimal() and number == str(int(number))
        if is_number and 2 <= int(number) <= first.max_instances:
            raise ValueError(
                f"{second.name!r} is the name of an instance of the server {first.name!r} "
                f"(max_instances {first.max_instances}); give it another name"
            )
    if one.command is None or other.command is None:
        return
    (host, port, _), (other_host, other_port, _) = _address(one.url), _address(other.url)
    if host != other_host:
        return
    if port == other_port:
        raise ValueError(f"{names} would both listen at port {port} of {host}; give each its own")
    low, high = (one, other) if port < other_port else (other, one)
    last = min(port, other_port) + low.max_instances - 1
    if last >= max(port, other_port):
        raise ValueError(
            f"the instances of {low.name!r} take the ports {min(port, other_port)} to {last}, and "
            f"{high.name!r} has {max(port, other_port)}; give it a port after them"
        )


def _address(url: str) -> tuple[str, int, str]:
    """Return host, port and path of an address, spelt in one way."""
    parts = urlsplit(url)
    host = (parts.hostname or "").casefold()
    host = "127.0.0.1" if host in ("localhost", "::1", "0.0.0.0") else host  # noqa: S104  # a name to compare
    return host, parts.port or (443 if parts.scheme == "https" else 80), parts.path.rstrip("/")


class HousekeepingSettings(_Section):
    """How long things are kept."""

    deleted_after_minutes: Annotated[float, Field(ge=0)]


class Settings(BaseSettings):
    """All settings. The environment wins over config/local.yaml, that over the defaults."""

    model_config = SettingsConfigDict(
        env_prefix="KOMADORI_", env_nested_delimiter="__", frozen=True, extra="forbid"
    )

    data_dir: Path
    providers_dir: Path
    page: PageSettings
    database: DatabaseSettings
    queue: QueueSettings
    defaults: Defaults
    worker: WorkerSettings
    comfyui: ComfySettings
    operator_password: SecretStr | None
    housekeeping: HousekeepingSettings

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Order the sources: arguments, environment, YAML (local over defaults)."""
        del dotenv_settings, file_secret_settings
        local = YamlConfigSettingsSource(settings_cls, yaml_file=LOCAL)
        defaults = YamlConfigSettingsSource(settings_cls, yaml_file=DEFAULTS)
        return init_settings, env_settings, local, defaults

    @model_validator(mode="after")
    def _folders_are_absolute(self) -> Self:
        for name in ("data_dir", "providers_dir"):
            folder = getattr(self, name).expanduser()
            object.__setattr__(self, name, folder if folder.is_absolute() else ROOT / folder)
        return self

    @property
    def workflows_dir(self) -> Path:
        """Where the ComfyUI workflows lie."""
        folder = self.comfyui.workflows_dir.expanduser()
        return folder if folder.is_absolute() else ROOT / folder

    @property
    def database_url(self) -> str:
        """The address of the database, for SQLAlchemy."""
        if self.database.url is not None:
            return self.database.url.get_secret_value()
        return f"sqlite:///{self.data_dir / 'komadori.db'}"

    @property
    def redis_url(self) -> str | None:
        """The address of Redis, if the queue uses it."""
        if self.queue.backend != "redis" or self.queue.redis_url is None:
            return None
        return self.queue.redis_url.get_secret_value()


def load_settings(**overrides: Any) -> Settings:
    """Read the settings.

    Raises:
        SettingsInvalid: with one line for each wrong setting.
    """
    try:
        return Settings(**overrides)
    except ValidationError as exc:
        raise SettingsInvalid("\n".join(_sentence(error) for error in exc.errors())) from None
    except (ValueError, yaml.YAMLError) as exc:
        raise SettingsInvalid(f"The settings cannot be read: {exc}") from None


def _sentence(error: Any) -> str:
    path = [str(part) for part in error["loc"]]
    variable = "KOMADORI_" + "__".join(path).upper()
    value = error["input"] if isinstance(error["input"], str | int | float) else None
    is_secret = path and path[-1].endswith(("url", "password"))
    got = f" (it is {value!r})" if value is not None and not is_secret else ""
    reason = error["msg"].removeprefix("Value error, ")
    return f"Setting {'.'.join(path)}: {reason}{got}. Change it in {LOCAL.name} or {variable}."
