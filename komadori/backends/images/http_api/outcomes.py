"""What an answer means for us: refused, busy, down, or unknown; said with the provider's words.

An HTTP status other than success becomes the error that says what to do:

    400 401 402 403 404 … refused   fix the request, the key or the account
    429                    busy      wait as told; "insufficient_quota" is refused
    408 425 500 503 529    down      it says itself that it did not take the request
    502 504 520 to 524     unknown   a gateway answered; what stands behind it may be drawing
    300 to 399             refused   a redirect would carry the key and the pictures elsewhere

`statuses` of a provider's file goes before this table. Unknown is only for what may cost money:
of a provider that is free it becomes down, since asking again does no harm.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

from komadori.backends.images.http_api.paths import find
from komadori.backends.images.http_api.spec import OutcomeClass, ProviderSpec
from komadori.errors import BackendBusy, BackendDown, BackendError, BackendRefused, OutcomeUnknown

_SHOWN_CHARACTERS = 300
_RETRY_AFTER_MIN_S, _RETRY_AFTER_MAX_S = 1.0, 3600.0
_DOWN = frozenset({408, 425, 500, 503, 529})
_COMMON_MESSAGES = ("error.message", "message", "error", "detail", "msg", "reason")
# A rate limit may speak of "quota", too; these are said only when the money is gone.
_NO_MONEY = re.compile(
    r"insufficient_quota|billing_hard_limit|(insufficient|not enough)[ _-](user )?"
    r"(balance|credit|fund)|余额不足|欠费",
    re.IGNORECASE,
)
_KEY_LIKE = re.compile(r"\b(sk|pk|ark|AIza|Bearer)([-_ ]?)[\w*.…-]{8,}")
_MASKED = re.compile(r"[^\s:'\"]*\*{3,}[^\s'\"]*")
"""A key of which a provider shows the ends: they, too, are nobody else's business."""
_KEY_HEAD = 8
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An answer with its body; header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def is_success(self) -> bool:
        """Whether the status says so."""
        return 200 <= self.status < 300

    @property
    def media_type(self) -> str:
        """The type in the head, without its parameters."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    def json(self) -> Any:
        """Return the body as JSON, or None when it is none."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None


class Speaker:
    """Says things about one provider; a key never gets into what it says."""

    def __init__(self, spec: ProviderSpec, key: str = "") -> None:
        self.spec = spec
        self.key = key

    def clean(self, text: object) -> str:
        """Return foreign text without keys and control characters, and not too long."""
        words = str(text)
        if len(self.key) >= _KEY_HEAD:  # a shorter one is no secret, but may be part of a word
            words = words.replace(self.key, "…")
            words = re.sub(re.escape(self.key[:_KEY_HEAD]) + r"\S*", "…", words)
        words = _MASKED.sub("…", words)
        words = _KEY_LIKE.sub(r"\1\2…", words)
        words = " ".join(_CONTROL.sub(" ", words).split())
        if len(words) > _SHOWN_CHARACTERS:
            words = words[: _SHOWN_CHARACTERS - 1] + "…"
        return words

    def lost(self, what: str) -> BackendError:
        """Return the error of a request that went out without a result coming back."""
        if self.spec.is_paid:
            return OutcomeUnknown(f"{self.spec.label}: {what}. It may have been made and billed.")
        return BackendDown(f"{self.spec.label}: {what}.")

    def refused(self, words: object) -> BackendRefused:
        """Return the refusal that an answer of success holds."""
        return BackendRefused(f"{self.spec.label} refused the order: {self.clean(words)}")

    def words_of(self, reply: Reply) -> str:
        """Return the message of an answer, or "" when it has none."""
        data = reply.json()
        if isinstance(data, dict):
            for path in (*self.spec.answer.errors, *_COMMON_MESSAGES):
                for value in find(data, path):
                    if value not in ("", [], {}):
                        return self.clean(value if isinstance(value, str) else json.dumps(value))
            return ""
        if data is not None or "html" in reply.media_type or reply.body[:1] == b"<":
            return ""
        return self.clean(reply.body[:4096].decode("utf-8", "replace"))

    def failure(self, reply: Reply) -> BackendError:
        """Return the error of an answer that is no success."""
        words = self.words_of(reply)
        said = f": {words}" if words else ""
        label, status = self.spec.label, reply.status
        match self._class(reply):
            case "busy":
                wait_s = self.retry_after_s(reply)
                message = f"{label} is busy ({status}){said}"
                return BackendBusy(message, retry_after_s=wait_s)
            case "down":
                return BackendDown(f"{label} did not take the order ({status}){said}")
            case "unknown":
                who = "a gateway" if status > 500 else "it"
                return self.lost(f"{who} answered {status} to the order{said}".rstrip("."))
            case "refused":
                return BackendRefused(self._refusal(reply, said))

    def retry_after_s(self, reply: Reply) -> float:
        """Return for how long the provider wants to be left alone."""
        told = seconds_of(reply.headers.get("retry-after", ""))
        wait_s = self.spec.retry_after_s if told is None else told
        return min(max(wait_s, _RETRY_AFTER_MIN_S), _RETRY_AFTER_MAX_S)

    def _class(self, reply: Reply) -> OutcomeClass:
        status = reply.status
        if status in self.spec.statuses:
            return self.spec.statuses[status]
        if status == 429:
            return "refused" if _has_no_money(reply) else "busy"
        if status in _DOWN:
            return "busy" if status in {503, 529} and "retry-after" in reply.headers else "down"
        return "unknown" if status >= 500 else "refused"

    def _refusal(self, reply: Reply, said: str) -> str:
        label, status = self.spec.label, reply.status
        if 300 <= status < 400:
            host = _host_of(reply.headers.get("location", ""))
            return (
                f"{label} answered with a redirect to {self.clean(host)}, which is not followed; "
                "set base_url in the provider's file."
            )
        if status == 402 or _has_no_money(reply):
            return f"The account at {label} has no credit left ({status}){said}"
        if status in {401, 403} and self.spec.key_env:
            return f"{label} refused the key in {self.spec.key_env} ({status}){said}"
        return f"{label} refused the order ({status}){said}"


def seconds_of(retry_after: str) -> float | None:
    """Return the seconds of a Retry-After header, which is a number or a date (RFC 9110)."""
    text = retry_after.strip()
    if re.fullmatch(r"\d{1,9}(\.\d+)?", text):
        return float(text)
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return None
    if at.tzinfo is None:
        at = at.replace(tzinfo=UTC)
    return (at - datetime.now(UTC)).total_seconds()


def _has_no_money(reply: Reply) -> bool:
    data = reply.json()  # JSON may hold "余额不足" as escapes
    text = json.dumps(data, ensure_ascii=False) if data else reply.body.decode("utf-8", "replace")
    return _NO_MONEY.search(text[:8192]) is not None


def _host_of(location: str) -> str:
    try:
        host = urlsplit(location).hostname
    except ValueError:
        host = None
    return host or "another address of it"
