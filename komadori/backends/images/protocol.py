"""The one protocol of everything that can draw a panel."""

from collections.abc import Callable, Mapping
from typing import Protocol

from komadori.domain.story import Drawing

Report = Callable[[float, str], None]
"""Takes how far the drawing is (0 to 1) and what is being done."""


class ImageBackend(Protocol):
    """Draws pictures."""

    name: str

    async def draw(
        self, drawing: Drawing, references: Mapping[str, bytes], report: Report
    ) -> bytes:
        """Return the encoded picture (WebP, PNG or JPEG), of `drawing.width` x `drawing.height`.

        `references` maps names of the cast to encoded reference pictures.

        Raises:
            BackendRefused: it will refuse this drawing again.
            BackendDown: it did not answer; try again later.
        """
