"""The image backend that is always there."""

import asyncio
from collections.abc import Mapping

from komadori.backends.images.protocol import Report
from komadori.backends.images.sketch.picture import Picture
from komadori.backends.images.sketch.prints import read_prints
from komadori.domain.story import Drawing


class SketchBackend:
    """Draws storyboard sketches with Pillow: the same bytes for the same drawing on one machine."""

    name = "sketch"

    async def draw(
        self, drawing: Drawing, references: Mapping[str, bytes], report: Report
    ) -> bytes:
        """Return the panel as WebP.

        The work is done in a thread, stage by stage, so that the loop stays free and a
        cancelled task ends between two stages.

        Raises:
            BackendRefused: a reference picture cannot be read; the message names its character.
        """
        report(0.0, "reading the panel")
        pictures = await asyncio.to_thread(read_prints, references)
        picture = await asyncio.to_thread(Picture, drawing, pictures)
        report(0.1, "drawing the place")
        await asyncio.to_thread(picture.place)
        report(0.5, "drawing the people")
        await asyncio.to_thread(picture.people)
        report(0.75, "inking")
        data = await asyncio.to_thread(picture.encoded)
        report(1.0, "done")
        return data
