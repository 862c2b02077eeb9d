"""What a provider's file says: where its API is, what a request looks like, and how it answers."""

import ipaddress
import re
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    field_validator,
    model_validator,
)

from komadori.backends.images.http_api.paths import ReadPath, WritePath
from komadori.domain.backends import BackendName, Price

OutcomeClass = Literal["refused", "busy", "down", "unknown"]
TaskState = Literal["working", "done", "failed"]
RESERVED = frozenset({"auto", "sketch"})

UrlPath = Annotated[str, StringConstraints(pattern=r"^/[^\s#\\]*$", max_length=300)]
"""The part after the host; it begins with a slash, so it can't lead to another host."""
Seconds = Annotated[float, Field(gt=0, le=3600)]
MediaType = Literal["image/jpeg", "image/png", "image/webp"]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _knows_all_keys(cls, data: Any) -> Any:
        if isinstance(data, dict):
            for key in data:
                if key not in cls.model_fields:
                    keys = ", ".join(cls.model_fields)
                    raise ValueError(f"{key!r} is no key here; the keys are: {keys}")
        return data


class Auth(_Part):
    """The header that carries the key: its name, and what stands before the key in it."""

    header: Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9-]*$")] = "Authorization"
    prefix: Annotated[str, StringConstraints(pattern=r"^[ -~]*$")] = "Bearer "


class Endpoint(_Part):
    """Where an order is sent, and what it holds besides the fields of the order.

    path: after base_url; `{model}` stands for the model's name.
    encoding: json, or multipart (a form with files).
    extra: fixed fields of the body.
    """

    path: UrlPath
    encoding: Literal["json", "multipart"] = "json"
    extra: dict[str, Any] = {}


class Fields(_Part):
    """Which field of the body holds what. Dots go into objects; null means it is not sent.

    tier: the resolution beside the size ("2K"), of a provider that takes it apart from the shape.
    seed: sent modulo 2^31.
    """

    prompt: WritePath | None = "prompt"
    model: WritePath | None = None
    n: WritePath | None = None
    size: WritePath | None = None
    tier: WritePath | None = None
    seed: WritePath | None = None


class ReferenceSpec(_Part):
    """How reference pictures are sent.

    field: the field of the body that holds them.
    form: data_uri and base64 make a list of texts; file makes form files (multipart only);
        gemini_parts makes contents with the prompt, and a line of text before each picture.
    max: how many at most.
    media_types: what they may be.
    takes_alpha: whether transparent parts may stay.
    """

    field: WritePath
    form: Literal["data_uri", "base64", "file", "gemini_parts"]
    max: Annotated[int, Field(ge=1, le=100)]
    media_types: Annotated[tuple[MediaType, ...], Field(min_length=1)] = (
        "image/jpeg",
        "image/png",
        "image/webp",
    )
    takes_alpha: bool = False


class SizeSpec(_Part):
    """Which sizes there are.

    form: what the size field holds: pixels "1280x720", ratio_x "16x9", ratio_colon "16:9",
        or tier "2K".
    allowed: the sizes or ratios there are, as the provider writes them; pixels may leave it out.
    tiers: name of each resolution, and the side in pixels of a square picture of it.
    min_pixels, max_pixels, multiple_of, max_ratio: limits of free pixel sizes. max_ratio is the
        longer side divided by the shorter one.
    """

    form: Literal["pixels", "ratio_x", "ratio_colon", "tier"]
    allowed: tuple[str, ...] = ()
    tiers: dict[str, Annotated[int, Field(ge=64)]] = {}
    min_pixels: Annotated[int, Field(ge=1)] = 1
    max_pixels: Annotated[int, Field(ge=1)] | None = None
    multiple_of: Annotated[int, Field(ge=1, le=256)] = 1
    max_ratio: Annotated[float, Field(ge=1)] | None = None

    @property
    def separator(self) -> str:
        """What stands between the two numbers."""
        return ":" if self.form == "ratio_colon" else "x"

    def numbers(self, text: str) -> tuple[int, int]:
        """Return the two numbers of a size or ratio of ours."""
        first, second = text.split(self.separator)
        return int(first), int(second)

    @model_validator(mode="after")
    def _is_complete(self) -> Self:
        if self.form.startswith("ratio") and not self.allowed:
            raise ValueError(f"allowed must list the ratios, such as 16{self.separator}9")
        if self.form == "tier" and not self.tiers:
            raise ValueError("tiers must name the sizes, such as {1K: 1024, 2K: 2048}")
        for text in self.allowed:
            if not re.fullmatch(rf"[1-9]\d{{0,4}}{self.separator}[1-9]\d{{0,4}}", text):
                raise ValueError(f"allowed: {text!r} is not of the form 16{self.separator}9")
        if self.max_pixels is not None and self.max_pixels < self.min_pixels:
            raise ValueError("max_pixels must not be smaller than min_pixels")
        return self


class Draft(_Part):
    """What is different for a draft: the longest side in pixels, and fields of the body."""

    longest_side: Annotated[int, Field(ge=64)] | None = None
    extra: dict[str, Any] = {}


class RefusalSpec(_Part):
    """A sign in an answer of success that no picture was made.

    path: where it is. values: what it says then; an empty list means that any value is a sign.
    """

    path: ReadPath
    values: tuple[str, ...] = ()


class AnswerSpec(_Part):
    """Where things are in the answer.

    pictures: base64, data URI or address of the picture; the first place with something counts.
    skip: items in which this field is true are passed over (thoughts of a model).
    errors: the message of an answer that is no success.
    refusals: signs that no picture was made, though the status says success.
    reasons: words that explain a refusal.
    """

    pictures: Annotated[tuple[ReadPath, ...], Field(min_length=1)] = ("data[].b64_json",)
    skip: str | None = None
    errors: tuple[ReadPath, ...] = ("error.message", "message")
    refusals: tuple[RefusalSpec, ...] = ()
    reasons: tuple[ReadPath, ...] = ()


class TaskSpec(_Part):
    """How a provider is asked again that answers an order with the id of a task.

    id: where the id is in the answer to the order.
    poll: path of the question, after base_url; `{id}` stands for the id.
    interval_s: seconds between two questions.
    status: where the state is; states: what its words mean. Other words count as working.
    progress: where the progress is; progress_full: its value at the end.
    reason: where the reason of a failure is.
    pictures: where the result is; as in `answer`.
    """

    id: ReadPath
    poll: UrlPath
    interval_s: Seconds = 2.0
    status: ReadPath
    states: dict[str, TaskState]
    progress: ReadPath | None = None
    progress_full: Annotated[float, Field(gt=0)] = 100.0
    reason: ReadPath | None = None
    pictures: Annotated[tuple[ReadPath, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _can_end(self) -> Self:
        if "{id}" not in self.poll:
            raise ValueError("poll must have {id} where the task's id belongs")
        if "done" not in self.states.values():
            raise ValueError("states must have a word that means done")
        return self


class ProviderSpec(_Part):
    """One provider, as its file describes it.

    name: how requests name it. label: how people see it. model: the model's name.
    base_url: https, or http to a machine of one's own; nothing is sent to another host.
    key_env: the environment variable with the key; null when there is no key.
    auth: the header of the key.
    generate: where an order without references goes. edit: where one with references goes.
        Either may be left out; then what needs it is refused.
    fields, references, size, draft, answer: see there.
    tasks: of a provider that answers with a task's id.
    statuses: what an HTTP status means here (refused, busy, down, unknown) if not the usual.
    retry_after_s: how long to wait when it is busy and does not say for how long.
    at_once: how many requests may be under way. price: of one picture; null when not known.
    is_paid: whether a request may cost money, so that it is never sent twice on our own.
    fallback: names of the providers that take over while this one is down.
    allow_private: whether results may lie at private addresses (a server of one's own).
    """

    name: BackendName
    label: Annotated[str, StringConstraints(min_length=1, max_length=60)]
    model: Annotated[str, StringConstraints(pattern=r"^[\w.:/@-]*$", max_length=120)] = ""
    base_url: str
    key_env: Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Z0-9_]*$")] | None
    auth: Auth = Auth()
    generate: Endpoint | None = None
    edit: Endpoint | None = None
    fields: Fields = Fields()
    references: ReferenceSpec | None = None
    size: SizeSpec
    draft: Draft = Draft()
    answer: AnswerSpec = AnswerSpec()
    tasks: TaskSpec | None = None
    statuses: dict[Annotated[int, Field(ge=300, le=599)], OutcomeClass] = {}
    retry_after_s: Seconds = 20.0
    at_once: Annotated[int, Field(ge=1, le=1000)] = 4
    price: Price | None = None
    is_paid: bool = True
    fallback: tuple[BackendName, ...] = ()
    allow_private: bool = False

    @field_validator("name")
    @classmethod
    def _is_free(cls, name: str) -> str:
        if name in RESERVED:
            raise ValueError(f"{name!r} has a meaning already; choose another name")
        return name

    @field_validator("base_url")
    @classmethod
    def _keeps_the_key_safe(cls, url: str) -> str:
        return safe_base_url(url)

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.generate is None and self.edit is None:
            raise ValueError("give generate, edit or both; without them nothing can be ordered")
        if (self.edit is None) != (self.references is None):
            raise ValueError("edit and references belong together: give both or neither")
        if bool(self.fields.tier) != (bool(self.size.tiers) and self.size.form != "tier"):
            raise ValueError("fields.tier and size.tiers belong together: give both or neither")
        if self.name in self.fallback:
            raise ValueError("fallback must name other providers")
        self._check_prompt()
        self._check_forms()
        return self

    def _check_prompt(self) -> None:
        is_in_parts = self.references is not None and self.references.form == "gemini_parts"
        if is_in_parts == (self.fields.prompt is not None):
            raise ValueError(
                "fields.prompt must name a field; with references.form gemini_parts it must be "
                "null, since the prompt is one of the parts"
            )

    def _check_forms(self) -> None:
        if self.references and self.edit:
            is_file = self.references.form == "file"
            if is_file != (self.edit.encoding == "multipart"):
                raise ValueError("references.form file and edit.encoding multipart go together")
        is_form = "multipart" in {end.encoding for end in (self.generate, self.edit) if end}
        nested = [path for path in self.fields.model_dump().values() if path and "." in path]
        if is_form and nested:
            raise ValueError(f"a multipart form has no objects; {nested[0]!r} can't be a field")


def safe_base_url(url: str) -> str:
    """Return the URL without a slash at its end.

    Raises:
        ValueError: it is not one, or the key would travel over a public net in the open.
    """
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("write https://host, or http://host:port of a machine of your own")
    if parts.username or parts.password or parts.query or parts.fragment or re.search(r"\s", url):
        raise ValueError("only host, port and path may be in it; the key belongs into key_env")
    _ = parts.port  # raises when it is no number
    if parts.scheme == "http" and not is_own_host(parts.hostname):
        raise ValueError(
            f"http to {parts.hostname} would show the key to others; write https "
            "(http is for localhost and private addresses)"
        )
    return url.rstrip("/")


def is_own_host(host: str) -> bool:
    """Whether a host is this machine or one of a private net, as far as its name tells."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        own = (".localhost", ".local", ".internal", ".lan", ".home.arpa")
        return "." not in host or host.endswith(own)
    return address.is_loopback or address.is_private
