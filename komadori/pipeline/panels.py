"""The panel step: one picture of a storyboard, drawn with the references of those who are in it."""

from komadori.domain.backends import AUTO
from komadori.domain.ids import JobId
from komadori.domain.story import Drawing
from komadori.domain.work import StepContext, StepResult, panel_slot
from komadori.pipeline.drawing import Draw, Task


class DrawPanel:
    """Draw one panel and keep it."""

    def __init__(self, draw: Draw) -> None:
        self._draw = draw

    async def run(self, context: StepContext) -> StepResult:
        """Return the picture as the newest version of the panel, in the job or in its target."""
        drawing = Drawing.model_validate(context.step.payload)
        request = context.job.request
        task = Task(drawing=drawing, provider=request.get("provider", AUTO))
        owner = JobId(request.get("job_id", context.job.id))
        return await self._draw.kept(task, context, owner, panel_slot(drawing.panel.number))
