"""Frames: a prompt becomes a drawing, and the draft and frame steps draw it."""

import re

from komadori.domain.backends import AUTO
from komadori.domain.requests import FrameRequest
from komadori.domain.states import StepKind
from komadori.domain.story import Drawing, Panel, Scene, Setting, Shot, Style, TimeOfDay, Weather
from komadori.domain.work import NewArtifact, StepContext, StepResult, slot_of
from komadori.pipeline.drawing import Draw, Task
from komadori.pipeline.splitting.scenes import signs

_SHOTS = {
    Shot.CLOSE_UP: re.compile(r"\bclose[- ]?up\b|\bportrait\b|特写|近景", re.IGNORECASE),
    Shot.OVER_THE_SHOULDER: re.compile(r"\bover[- ]the[- ]shoulder\b|过肩", re.IGNORECASE),
    Shot.WIDE: re.compile(
        r"\bwide\b|\bestablishing\b|\blong shot\b|\bpanorama\b|远景|全景", re.IGNORECASE
    ),
    Shot.MEDIUM: re.compile(r"\bmedium\b|\bwaist\b|中景", re.IGNORECASE),
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


class DrawFrame:
    """Draw one candidate or one draft of a frame, and keep it."""

    def __init__(self, draw: Draw) -> None:
        self._draw = draw

    async def run(self, context: StepContext) -> StepResult:
        """Return the picture under the step's own slot: candidates do not replace one another."""
        step, request = context.step, context.job.request
        drawing = Drawing.model_validate(step.payload)
        is_draft = step.kind is StepKind.DRAFT
        by_sketch = is_draft and request.get("draft") == "sketch"
        provider = "sketch" if by_sketch else request.get("provider", AUTO)
        task = Task(drawing=drawing, provider=provider, is_draft=is_draft)
        file, making = await self._draw(task, context)
        artifact = NewArtifact(
            job_id=context.job.id,
            slot=slot_of(step.kind, step.number),
            file=file,
            about={
                "wish": drawing.modification,
                "seed": drawing.seed,
                "provider": making.provider,
            },
        )
        return StepResult(data={"picture": file.id}, artifacts=(artifact,))
