"""Brings any kind of pixels to eight-bit grey, RGB or RGBA without changing what they look like."""

from io import BytesIO

from PIL import Image, ImageCms

PAPER = (255, 255, 255)
"""What shows through where a picture is transparent."""
_ICC_MAX = 4 * 1024 * 1024
_SPACES = {"RGB": "RGB ", "CMYK": "CMYK", "L": "GRAY"}
_SRGB = ImageCms.createProfile("sRGB")
_ALPHA = ("RGBA", "LA", "PA", "RGBa", "La")
_BROKEN = (OSError, ValueError, TypeError, AttributeError)
"""What littleCMS and Pillow raise for profiles that are not."""
_HIGH_BYTE = [value >> 8 for value in range(65536)]


def is_deep(image: Image.Image) -> bool:
    """Whether a sample has sixteen bits: modes I;16, I;16B and their kin."""
    return image.mode.startswith("I")


def eight_bit(image: Image.Image) -> Image.Image:
    """Return deep grey as L. Pillow's own conversion makes all but the darkest white."""
    return image.convert("I").point(_HIGH_BYTE, "L")


def plain(image: Image.Image) -> Image.Image:
    """Return palettes, bits and rare modes as L, RGB or RGBA; CMYK waits for its profile."""
    if "transparency" in image.info and image.mode in ("1", "L", "P", "RGB"):
        return image.convert("RGBA")
    if image.mode == "1":
        return image.convert("L")
    if image.mode == "PA":
        return image.convert("RGBA")
    if image.mode in ("L", "RGB", "CMYK") or image.mode in _ALPHA:
        return image
    return image.convert("RGB")


def is_srgb(icc: bytes | None) -> bool:
    """Whether no profile, or one that is called sRGB, is with the picture."""
    if not icc:
        return True
    profile = _profile(icc)
    return profile is not None and _name(profile).startswith("srgb")


def to_srgb(image: Image.Image, icc: bytes | None) -> tuple[Image.Image, str | None]:
    """Return the colours as sRGB, and a note of what became of the profile."""
    if not icc or (image.mode == "RGB" and is_srgb(icc)):
        return image, None
    colours = image.convert("RGB") if image.mode == "RGBA" else image
    changed = _transformed(colours, icc)
    if changed is None:
        return image, "icc_ignored"
    if image.mode == "RGBA":
        changed.putalpha(image.getchannel("A"))
    return changed, "icc"


def _transformed(image: Image.Image, icc: bytes) -> Image.Image | None:
    """Return the picture in sRGB; None if the profile is broken or of another colour model."""
    profile = _profile(icc)
    if profile is None or profile.profile.xcolor_space != _SPACES.get(image.mode):
        return None
    try:
        return ImageCms.profileToProfile(image, profile, _SRGB, outputMode="RGB")
    except (ImageCms.PyCMSError, *_BROKEN):
        return None


def _profile(icc: bytes) -> ImageCms.ImageCmsProfile | None:
    if len(icc) > _ICC_MAX:
        return None
    try:
        return ImageCms.ImageCmsProfile(BytesIO(icc))
    except (ImageCms.PyCMSError, *_BROKEN):
        return None


def _name(profile: ImageCms.ImageCmsProfile) -> str:
    try:
        return ImageCms.getProfileDescription(profile).strip().lower()
    except (ImageCms.PyCMSError, *_BROKEN):
        return ""


def is_transparent(image: Image.Image) -> bool:
    """Whether any pixel lets something through."""
    if image.mode not in _ALPHA:
        return False
    least, _ = image.convert("RGBA").getchannel("A").getextrema()
    return isinstance(least, int) and least < 255


def flattened(image: Image.Image) -> Image.Image:
    """Return the picture laid on paper."""
    pixels = image.convert("RGBA")
    sheet = Image.new("RGB", image.size, PAPER)
    sheet.paste(pixels, mask=pixels.getchannel("A"))
    return sheet


def opaque(image: Image.Image) -> Image.Image:
    """Return L or RGB of a picture that hides everything."""
    return image if image.mode in ("L", "RGB") else image.convert("RGB")
