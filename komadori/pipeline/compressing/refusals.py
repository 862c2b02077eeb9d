"""The sentences with which a picture is refused; the codes are the upload's where the reason is."""

from komadori.errors import RequestRejected

SIDE_MIN = 16
BYTES_MAX = 64 * 1024 * 1024
PIXELS_MAX = 50_000_000
SIDE_MAX = 30_000
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "AVIF")
"""Never EPS (it starts Ghostscript) or TIFF (libtiff writes to stderr). JPEG brings MPO along."""


def empty() -> RequestRejected:
    """Nothing was sent."""
    return RequestRejected("The picture is empty (0 bytes).", code="picture_empty")


def too_many_bytes(count: int) -> RequestRejected:
    """The file is larger than what we decode."""
    most = BYTES_MAX // (1024 * 1024)
    return RequestRejected(
        f"The picture has {count / (1024 * 1024):.0f} MB; at most {most} are taken.",
        code="picture_bytes",
        most_mb=most,
    )


def too_many_pixels() -> RequestRejected:
    """Decoding it would take more memory than a picture may."""
    most = PIXELS_MAX // 1_000_000
    return RequestRejected(
        f"The picture has too many pixels; at most {most} megapixels are taken.",
        code="picture_pixels",
        most_mp=most,
    )


def markup() -> RequestRejected:
    """SVG or HTML: text that describes a picture, or a page that stands in for one."""
    return RequestRejected(
        f"This file is SVG or HTML text, not a picture of pixels. Use one of {_formats()}.",
        code="picture_markup",
        formats=_formats(),
    )


def unknown() -> RequestRejected:
    """Not a picture, or none of the kinds that we read."""
    return RequestRejected(
        f"This file is not a picture we can read. Use one of {_formats()}.",
        code="picture_unknown",
        formats=_formats(),
    )


def damaged() -> RequestRejected:
    """The decoder gave up."""
    return RequestRejected(
        "The picture is damaged or cut short. Save it again and upload it anew.",
        code="picture_damaged",
    )


def too_small(width: int, height: int) -> RequestRejected:
    """Too few pixels to refer to."""
    return RequestRejected(
        f"The picture is only {width}x{height} pixels. Use one of {SIDE_MIN} or more on each side.",
        code="picture_small",
        least_px=SIDE_MIN,
    )


def too_narrow(width: int, height: int) -> RequestRejected:
    """Long and thin: reduced to what is sent, too little of the short side is left."""
    return RequestRejected(
        f"The picture is too narrow: reduced to be sent, it has {width}x{height} pixels, and "
        f"{SIDE_MIN} are needed on each side. Cut out the part that matters.",
        code="picture_small",
        least_px=SIDE_MIN,
    )


def no_fit(limit: int) -> RequestRejected:
    """No quality and no size brings it under the limit."""
    return RequestRejected(
        f"The picture cannot be brought under {limit / 1024:.0f} KB. Use a smaller one.",
        code="picture_no_fit",
        most_kb=limit // 1024,
    )


def _formats() -> str:
    return ", ".join(FORMATS)
