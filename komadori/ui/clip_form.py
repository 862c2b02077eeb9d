"""The form of a clip: what it asks for, what it may begin with, and where refusals are said."""

from collections.abc import Mapping, Sequence
from typing import Any

from komadori.domain.states import JobKind, StepKind
from komadori.domain.view import Frame, JobView
from komadori.errors import RequestRejected
from komadori.ui.frame_form import option_of, options_of
from komadori.ui.render import rejection_words
from komadori.ui.texts import Language, say

GROUPS_MOST = 8
"""As many jobs are offered to take a first frame from."""
_SOURCES = frozenset({JobKind.STORYBOARD, JobKind.FRAME})
_FINAL = frozenset({StepKind.PANEL, StepKind.FRAME})
_PLACES = (
    ("prompt", "prompt"),
    ("seconds", "seconds"),
    ("fps", "fps"),
    ("seed", "seed"),
    ("provider", "provider"),
    ("no_clips", "provider"),
    ("options", "provider"),
    ("first_frame", "source"),
    ("reference", "source"),
    ("panel", "source"),
    ("job_id", "source"),
    ("job_not_found", "source"),
)


def request_of(facts: Mapping[str, Any]) -> tuple[dict[str, Any], str | None]:
    """Return the request that the form's values make, and its idempotency key.

    Raises:
        RequestRejected: nothing was chosen to begin with.
    """
    wanted = {
        "prompt": str(facts.get("prompt") or ""),
        "seconds": facts.get("seconds"),
        "fps": facts.get("fps"),
        "provider": facts.get("provider") or "auto",
        "seed": facts.get("seed"),
        "options": options_of(facts),
        **_source(facts),
    }
    key = facts.get("key")
    return wanted, str(key)[:64] if key else None


def _source(facts: Mapping[str, Any]) -> dict[str, Any]:
    if facts.get("picture"):
        return {"first_frame": str(facts["picture"])}
    panels = facts.get("panels")
    if not facts.get("job") or not isinstance(panels, list) or not panels:
        raise RequestRejected("A first frame is needed.", code="first_frame_missing")
    return {"job_id": str(facts["job"]), "panels": panels}


def place_of(error: RequestRejected) -> str:
    """Name the field that a refusal concerns; "form" when it is none."""
    if option := option_of(error):
        return option
    concerns = f"{error.code} {error.facts.get('field', '')}"
    return next((place for word, place in _PLACES if word in concerns), "form")


def refusal_words(error: RequestRejected, language: Language) -> str:
    """Say a refusal as it stands beside its field."""
    if error.code == "reference_not_found":
        return say(language, "clip_source_gone")
    if option_of(error):
        return say(language, "option_wrong", reason=error.facts.get("reason", ""))
    return rejection_words(error, language)


def groups_of(jobs: Sequence[JobView]) -> list[dict[str, Any]]:
    """Return the jobs whose pictures a clip may begin with, each with its pictures."""
    groups = [_group(view) for view in jobs if view.kind in _SOURCES and not view.deleted]
    return [group for group in groups if group["pictures"]][:GROUPS_MOST]


def _group(view: JobView) -> dict[str, Any]:
    return {
        "job": view.id,
        "kind": view.kind.value,
        "title": view.title,
        "pictures": [_picture(frame) for frame in view.frames if _may_begin(frame)],
    }


def _may_begin(frame: Frame) -> bool:
    return frame.picture is not None and frame.kind in _FINAL


def _picture(frame: Frame) -> dict[str, Any]:
    return {"number": frame.number, "picture": frame.picture}
