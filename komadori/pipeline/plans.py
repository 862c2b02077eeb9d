"""Which steps a job has, stage by stage."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from komadori.domain.job import Job, Step
from komadori.domain.requests import SEED_MAX
from komadori.domain.states import JobKind, Stage, StepKind, StepState
from komadori.domain.story import Drawing, Storyboard, Style
from komadori.domain.work import NewStep, Plan

REDO_PRIORITY = 10


class Plans:
    """Plans jobs. Pictures are `size` (width, height in pixels)."""

    def __init__(self, size: tuple[int, int]) -> None:
        self._size = size

    def __call__(self, job: Job, steps: Sequence[Step]) -> Plan:
        """Return the next stage of a job whose steps have all ended."""
        if job.kind is JobKind.PANEL:
            return _redo(job) if not steps else Plan()
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


def _plain(drawing: Drawing) -> Mapping[str, Any]:
    return drawing.model_dump(mode="json")


def _seed_of(job: Job) -> int:
    """One seed for all panels of a job, so that its places and people stay the same."""
    return int.from_bytes(hashlib.sha256(job.id.encode()).digest()[:4], "big") & SEED_MAX
