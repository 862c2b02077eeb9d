"""Which steps a job has, stage by stage."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from komadori.domain.job import Job, Step
from komadori.domain.requests import SEED_MAX, ClipRequest, FrameRequest
from komadori.domain.states import JobKind, Stage, StepKind, StepState
from komadori.domain.story import Drawing, Storyboard, Style
from komadori.domain.view import Problem
from komadori.domain.work import NewStep, Plan
from komadori.pipeline.frame_drawing import frame_drawing

REDO_PRIORITY = 10
DRAFT_PRIORITY = 5
"""Somebody waits for a draft, to say what comes next."""
WAITS_FOR_APPROVAL = Problem(
    code="approval", message="The draft waits for your approval: approve it, or draw another one."
)


class Plans:
    """Plans jobs. Pictures are `size` (width, height in pixels)."""

    def __init__(self, size: tuple[int, int]) -> None:
        self._size = size

    def __call__(self, job: Job, steps: Sequence[Step]) -> Plan:
        """Return the next stage of a job whose steps have all ended."""
        if job.kind is JobKind.PANEL:
            return _redo(job) if not steps else Plan()
        if job.kind is JobKind.FRAME:
            return _frame(job, steps)
        if job.kind is JobKind.CLIP:
            return _clips(job) if not steps else Plan()
        return self._storyboard(job, steps)

    def _storyboard(self, job: Job, steps: Sequence[Step]) -> Plan:
        if not steps:
            return Plan(
                stage=Stage.SCENE_GENERATION,
                steps=(NewStep(kind=StepKind.SCENES, number=0, payload={}),),
            )
        scenes = next(step for step in steps if step.kind is StepKind.SCENES)
        if len(steps) > 1 or scenes.state is not StepState.COMPLETED or scenes.result is None:
            return Plan()
        storyboard = Storyboard.model_validate(scenes.result)
        style = Style.model_validate(job.request["style"])
        return Plan(
            stage=Stage.IMAGE_GENERATION,
            steps=tuple(
                NewStep(kind=StepKind.PANEL, number=drawing.panel.number, payload=_plain(drawing))
                for drawing in self._drawings(job, storyboard, style)
            ),
        )

    def _drawings(self, job: Job, storyboard: Storyboard, style: Style) -> list[Drawing]:
        width, height = self._size
        seed = _seed_of(job)
        return [
            Drawing(
                panel=panel,
                cast=tuple(one for one in storyboard.cast if one.name in panel.characters),
                style=style,
                seed=seed,
                width=width,
                height=height,
            )
            for panel in storyboard.panels
        ]


def _redo(job: Job) -> Plan:
    step = NewStep(
        kind=StepKind.PANEL,
        number=job.request["panel"],
        payload=job.request["drawing"],
        priority=REDO_PRIORITY,
    )
    return Plan(stage=Stage.REGENERATING, steps=(step,))


def _frame(job: Job, steps: Sequence[Step]) -> Plan:
    """Draw the candidates; with drafts, draw those, then wait for a person to approve one."""
    request = FrameRequest.model_validate(job.request)
    if not steps:
        kind = StepKind.DRAFT if request.draft else StepKind.FRAME
        stage = Stage.DRAFTING if request.draft else Stage.IMAGE_GENERATION
        return Plan(stage=stage, steps=_candidates(job, request, kind))
    drafts = [step for step in steps if step.kind is StepKind.DRAFT]
    is_drafted = any(step.state is StepState.COMPLETED for step in drafts)
    if len(drafts) < len(steps) or not is_drafted:
        return Plan()
    final = NewStep(
        kind=StepKind.FRAME, number=1, payload=drafts[0].payload, waits_for=WAITS_FOR_APPROVAL
    )
    return Plan(stage=Stage.APPROVAL, steps=(final,))


def _clips(job: Job) -> Plan:
    request = ClipRequest.model_validate(job.request)
    steps = tuple(
        NewStep(kind=StepKind.CLIP, number=shot.number, payload=shot.model_dump(mode="json"))
        for shot in request.shots
    )
    return Plan(stage=Stage.CLIP_GENERATION, steps=steps)


def _candidates(job: Job, request: FrameRequest, kind: StepKind) -> tuple[NewStep, ...]:
    first = _seed_of(job) if request.seed is None else request.seed
    seeds = [(first + place) % (SEED_MAX + 1) for place in range(request.candidates)]
    priority = DRAFT_PRIORITY if kind is StepKind.DRAFT else 0
    return tuple(
        NewStep(
            kind=kind,
            number=number,
            payload=_plain(frame_drawing(request, seed)),
            priority=priority,
        )
        for number, seed in enumerate(seeds, start=1)
    )


def _plain(drawing: Drawing) -> Mapping[str, Any]:
    return drawing.model_dump(mode="json")


def _seed_of(job: Job) -> int:
    """One seed for all panels of a job, so that its places and people stay the same."""
    return int.from_bytes(hashlib.sha256(job.id.encode()).digest()[:4], "big") & SEED_MAX
