"""A picture of exactly the size that was asked for."""

from io import BytesIO

from PIL import Image, ImageOps

from komadori.errors import OutcomeUnknown

QUALITY = 92


def fitted(data: bytes, size: tuple[int, int]) -> bytes:
    """Return the picture at `size` (width, height): the larger part of it, scaled, as WebP.

    A picture of that size already is returned as it came.

    Raises:
        OutcomeUnknown: it is not a picture, though it may have been paid.
    """
    try:
        picture = Image.open(BytesIO(data))
        if picture.size == size:
            return data
        fitting = ImageOps.fit(picture.convert("RGB"), size, Image.Resampling.LANCZOS)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as exc:
        raise OutcomeUnknown("What came back is not a picture that can be read.") from exc
    file = BytesIO()
    fitting.save(file, "WEBP", quality=QUALITY, method=2)
    return file.getvalue()
