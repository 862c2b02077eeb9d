"""A frame's prompt becomes a drawing: what is to be seen, read from its words."""

import re

from komadori.domain.requests import FrameRequest
from komadori.domain.story import Drawing, Panel, Scene, Setting, Shot, Style, TimeOfDay, Weather
from komadori.pipeline.splitting.scenes import signs

_SHOTS = {
    Shot.CLOSE_UP: re.compile(r"\bclose[- ]?up\b|\bportrait\b|特写|近景", re.IGNORECASE),
    Shot.OVER_THE_SHOULDER: re.compile(r"\bover[- ]the[- ]shoulder\b|过肩", re.IGNORECASE),
    # "a wide-eyed girl", "a wide river", "a medium-sized dog" say nothing of the camera.
    Shot.WIDE: re.compile(
        r"\bwide(?:[- ]angle)?(?:,|:| (?:shot|view|establishing)\b)|\bwide[- ]angle\b"
        r"|\bestablishing\b|\blong shot\b|\bpanorama\b|远景|全景",
        re.IGNORECASE,
    ),
    Shot.MEDIUM: re.compile(
        r"\bmedium(?:,|:| (?:shot|close)\b)|\bwaist[- ]up\b|中景", re.IGNORECASE
    ),
}


def frame_drawing(request: FrameRequest, seed: int) -> Drawing:
    """Return what a frame request wants to be seen, read from the words of its prompt."""
    cast = request.in_shot
    seen = signs(request.prompt)
    scene = Scene(
        number=1,
        setting=seen.setting or Setting.FIELD,
        time_of_day=seen.time_of_day or TimeOfDay.DAY,
        weather=seen.weather or Weather.CLEAR,
    )
    panel = Panel(
        number=1,
        scene=scene,
        text=request.prompt,
        shot=_shot(request.prompt, people=len(cast)),
        characters=tuple(one.name for one in cast),
    )
    return Drawing(
        panel=panel,
        cast=cast,
        style=Style(),
        seed=seed,
        place=request.scene_reference,
        prompt=request.prompt,
        width=request.width,
        height=request.height,
    )


def _shot(prompt: str, *, people: int) -> Shot:
    for shot, pattern in _SHOTS.items():
        if pattern.search(prompt):
            return shot
    return Shot.MEDIUM if people else Shot.WIDE
