"""The pipeline's one entrance: every kind of step and who does it."""

from collections.abc import Mapping
from typing import Protocol

from komadori.domain.states import StepKind
from komadori.domain.work import StepContext, StepResult
from komadori.pipeline.clips import MakeClip
from komadori.pipeline.drawing import Draw
from komadori.pipeline.frames import DrawFrame
from komadori.pipeline.panels import DrawPanel
from komadori.pipeline.storyboard import MakeScenes


class _DoesStep(Protocol):
    async def run(self, context: StepContext) -> StepResult: ...


class Pipeline:
    """Does steps; a RunStep."""

    def __init__(self, draw: Draw, clip: MakeClip) -> None:
        frame = DrawFrame(draw)
        self._doers: Mapping[StepKind, _DoesStep] = {
            StepKind.SCENES: MakeScenes(),
            StepKind.PANEL: DrawPanel(draw),
            StepKind.DRAFT: frame,
            StepKind.FRAME: frame,
            StepKind.CLIP: clip,
        }

    async def __call__(self, context: StepContext) -> StepResult:
        """Do the step that the context names."""
        return await self._doers[context.step.kind].run(context)
