"""The draft and frame steps: one candidate of a frame each."""

from komadori.domain.backends import AUTO
from komadori.domain.states import StepKind
from komadori.domain.story import Drawing
from komadori.domain.work import StepContext, StepResult, slot_of
from komadori.pipeline.drawing import Draw, Task


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
        options = {} if by_sketch else request.get("options", {})
        task = Task(drawing=drawing, provider=provider, is_draft=is_draft, options=options)
        slot = slot_of(step.kind, step.number)
        return await self._draw.kept(task, context, context.job.id, slot)
