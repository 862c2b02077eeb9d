"""The image backend that is always there."""

import asyncio

from PIL import Image

from komadori.backends.images.protocol import PictureOrder, ReferenceRole, Teller
from komadori.backends.images.sketch.backdrop import read_place
from komadori.backends.images.sketch.picture import Picture
from komadori.backends.images.sketch.prints import read_prints
from komadori.domain.backends import BackendFacts
from komadori.domain.story import Drawing

DRAFT_SCALE = 0.5


class SketchBackend:
    """Draws storyboard sketches with Pillow: the same bytes for the same drawing on one machine."""

    facts = BackendFacts(
        name="sketch",
        label="Komadori sketch",
        kind="sketch",
        max_references=13,
        is_remote=False,
        takes_seed=True,
    )

    async def draw(self, order: PictureOrder, errand: Teller) -> bytes:
        """Return the picture as WebP; a draft in half the size.

        The work is done in a thread, stage by stage, so that the loop stays free and a
        cancelled task ends between two stages.

        Raises:
            BackendRefused: a reference picture cannot be read; the message says whose.
        """
        with errand.timed("draw"):
            errand.report(0.0, "reading the panel")
            picture = await asyncio.to_thread(_begun, order)
            errand.report(0.1, "drawing the place")
            await asyncio.to_thread(picture.place)
            errand.report(0.5, "drawing the people")
            await asyncio.to_thread(picture.people)
            errand.report(0.75, "inking")
            data = await asyncio.to_thread(picture.encoded)
            errand.report(1.0, "done")
        return data


def _begun(order: PictureOrder) -> Picture:
    cast = {
        reference.name: reference.data
        for reference in order.references
        if reference.role is ReferenceRole.CHARACTER
    }
    return Picture(_sized(order), read_prints(cast), _place(order))


def _place(order: PictureOrder) -> Image.Image | None:
    for reference in order.references:
        if reference.role is ReferenceRole.SCENE:
            return read_place(reference.data)
    return None


def _sized(order: PictureOrder) -> Drawing:
    if not order.is_draft:
        return order.drawing
    size = {"width": _half(order.width), "height": _half(order.height)}
    return order.drawing.model_copy(update=size)


def _half(side: int) -> int:
    return max(round(side * DRAFT_SCALE), 32)
