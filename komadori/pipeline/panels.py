"""The panel step: one picture of a storyboard, drawn with the references of those who are in it."""

from collections.abc import Mapping

from komadori.backends.images.protocol import ImageBackend
from komadori.domain.ids import JobId
from komadori.domain.story import Drawing
from komadori.domain.work import NewArtifact, StepContext, StepResult, panel_slot
from komadori.errors import BackendRefused


class DrawPanel:
    """Draw one panel and keep it."""

    def __init__(self, images: ImageBackend) -> None:
        self._images = images

    async def run(self, context: StepContext) -> StepResult:
        """Return the picture as the newest version of the panel, in the job or in its target."""
        drawing = Drawing.model_validate(context.step.payload)
        with context.timed("references"):
            references = _references(drawing, context)
        with context.timed("draw"):
            picture = await self._images.draw(drawing, references, context.report)
        with context.timed("store"):
            file = context.files.put_picture(picture)
        artifact = NewArtifact(
            job_id=JobId(context.job.request.get("job_id", context.job.id)),
            slot=panel_slot(drawing.panel.number),
            file=file,
            about={
                "wish": drawing.modification,
                "seed": drawing.seed,
                "backend": self._images.name,
            },
        )
        return StepResult(data={"picture": file.id}, artifacts=(artifact,))


def _references(drawing: Drawing, context: StepContext) -> Mapping[str, bytes]:
    found: dict[str, bytes] = {}
    for character in drawing.cast:
        if character.reference is None:
            continue
        try:
            found[character.name] = context.files.read(character.reference)
        except FileNotFoundError as exc:
            raise BackendRefused(
                f"The reference picture of {character.name!r} is gone. Upload it again."
            ) from exc
    return found
