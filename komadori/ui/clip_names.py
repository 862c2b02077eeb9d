"""The clips of a job: what each was asked for, and what it is called as a file."""

import re
from collections.abc import Mapping
from typing import Any

from komadori.domain.states import StepKind
from komadori.domain.view import JobView, StepView

NAME_CHARS = 40
_ENDINGS = {"video/mp4": "mp4", "image/webp": "webp"}


def clips_of(view: JobView) -> list[StepView]:
    """Return the clips of a job in order."""
    return [step for step in view.steps if step.kind is StepKind.CLIP]


def shot_of(view: JobView, number: int) -> Mapping[str, Any]:
    """Return what a clip begins with, as it was asked for."""
    shots = view.request.get("shots") or ()
    return next((shot for shot in shots if shot.get("number") == number), {})


def file_name(view: JobView, step: StepView) -> str:
    """Name a clip as it is saved: by the job's title, and its number if there are several."""
    words = re.sub(r"[^\w]+", "-", view.title)[:NAME_CHARS].strip("-_").lower() or "clip"
    number = f"-{step.number:02d}" if len(clips_of(view)) > 1 else ""
    media_type = step.clip.media_type if step.clip else ""
    return f"{words}{number}.{_ENDINGS.get(media_type, 'mp4')}"
