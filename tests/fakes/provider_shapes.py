"""Which path speaks which shape, with which key; one table for the whole fake provider."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import ModuleType

from tests.fakes import provider_gemini, provider_jiekou, provider_openai, provider_seedream
from tests.fakes.provider_order import Call, Order, Refusal

KEYS = {
    "openai": "test-openai-0123456789abcdef-0a1b",
    "gemini": "test-gemini-0123456789abcdef-2c3d",
    "ark": "test-ark-0123456789abcdef-4e5f",
    "jiekou": "test-jiekou-0123456789abcdef-6a7b",
}
"""The right key of each shape. They differ, so that one that was sent to the wrong place shows."""

_SPEAKERS: dict[str, ModuleType] = {
    "openai": provider_openai,
    "gemini": provider_gemini,
    "ark": provider_seedream,
    "jiekou": provider_jiekou,
}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What answers a path. `check` is None for what is no order. `dialect` speaks its answers."""

    shape: str
    kind: str = "create"
    check: Callable[[Call], Order] | None = None
    dialect: str = ""
    is_task: bool = False

    @property
    def speaker(self) -> ModuleType:
        """The module that words good answers."""
        return _SPEAKERS[self.dialect or self.shape]

    @property
    def complaints(self) -> ModuleType:
        """The module that words bad answers."""
        return _SPEAKERS[self.shape]


def endpoint_of(method: str, path: str, headers: Mapping[str, str]) -> Endpoint:
    """Find what answers a request; kind `unknown` when nothing does."""
    if path.startswith("/results/"):
        return Endpoint("openai", "result")
    if method == "GET" and path == "/v3/async/task-result":
        return Endpoint("jiekou", "poll")
    if method == "POST":
        return _creator(path, headers) or Endpoint("openai", "unknown")
    return Endpoint("openai", "unknown")


def _creator(path: str, headers: Mapping[str, str]) -> Endpoint | None:
    if path.startswith("/v1beta/models/") and path.endswith(":generateContent"):
        return Endpoint("gemini", check=provider_gemini.content)
    if path == "/api/v3/images/generations":
        return Endpoint("ark", check=provider_seedream.generation)
    if path in _OPENAI:
        # jiekou.ai has OpenAI's paths, too: the key tells who is meant
        shape = "jiekou" if KEYS["jiekou"] in headers.get("Authorization", "") else "openai"
        return Endpoint(shape, check=_OPENAI[path], dialect="openai")
    if path.startswith("/v3/"):
        return _jiekou(path.removeprefix("/v3/"))
    return None


_OPENAI = {
    "/v1/images/generations": provider_openai.generation,
    "/v1/images/edits": provider_openai.edit,
}


def _jiekou(path: str) -> Endpoint:
    model = path.removeprefix("async/")
    check = provider_jiekou.MODELS.get(model, _no_such_model)
    return Endpoint("jiekou", check=check, is_task=model != path)


def _no_such_model(_call: Call) -> Order:
    raise Refusal("model not found", status=404)


def key_header(shape: str) -> tuple[str, str]:
    """Return the header that carries a shape's key, and what stands before it."""
    return ("x-goog-api-key", "") if shape == "gemini" else ("Authorization", "Bearer ")


def judge_key(shape: str, headers: Mapping[str, str]) -> str:
    """Say whether the key of a request is right, wrong or missing. The key is told nobody."""
    given = sent_key(shape, headers)
    if not given:
        return "missing"
    return "right" if given == KEYS[shape] else "wrong"


def sent_key(shape: str, headers: Mapping[str, str]) -> str:
    """Return the key as it was sent."""
    name, prefix = key_header(shape)
    value = headers.get(name, "")
    return value.removeprefix(prefix) if value.startswith(prefix) else ""


def bad_key(shape: str, headers: Mapping[str, str]) -> Refusal:
    """Return the refusal of a key. Like the real ones it shows a part of the key."""
    given = sent_key(shape, headers)
    if not given:
        return Refusal("You didn't provide an API key.", status=401, code="missing_api_key")
    shown = f"{given[:8]}{'*' * 12}{given[-4:]}"
    message = f"Incorrect API key provided: {shown}. You can find your API key in your account."
    return Refusal(message, status=401, code="invalid_api_key")
