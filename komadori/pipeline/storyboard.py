"""The scenes step: a story becomes a storyboard."""

from komadori.domain.requests import StoryboardRequest
from komadori.domain.work import StepContext, StepResult
from komadori.pipeline.splitting import split


class MakeScenes:
    """Split the story into scenes and panels by our rules."""

    async def run(self, context: StepContext) -> StepResult:
        """Return the storyboard as data, with its `source`."""
        request = StoryboardRequest.model_validate(context.job.request)
        with context.timed("split"):
            storyboard = split(request)
        return StepResult(data=storyboard.model_dump(mode="json"))
