"""What the fake ComfyUI draws: simple pictures that prompt, seed and references decide."""

import hashlib
from dataclasses import dataclass, field, replace
from io import BytesIO

from PIL import Image, ImageDraw

Picture = Image.Image
_MARGIN = 8
_PREVIEW = (128, 128)


@dataclass(frozen=True, slots=True)
class Conditioning:
    """Stands for CONDITIONING: the words, and the pictures to keep to."""

    text: str = ""
    pictures: tuple[Picture, ...] = ()

    def seen(self, *pictures: Picture) -> "Conditioning":
        """Return the same words with more pictures."""
        return replace(self, pictures=(*self.pictures, *pictures))


@dataclass(frozen=True, slots=True)
class Latent:
    """Stands for LATENT: a size in pixels, how many frames, and what has been drawn."""

    width: int
    height: int
    count: int = 1
    pictures: tuple[Picture, ...] = field(default=())
    is_video: bool = False


def colour_of(text: str, seed: int) -> tuple[int, int, int]:
    """Return the colour of the border of the picture of a text and seed."""
    red, green, blue = hashlib.sha256(f"{seed} {text}".encode()).digest()[:3]
    return red, green, blue


def draw(words: Conditioning, latent: Latent, seed: int, denoise: float = 1.0) -> Latent:
    """Draw what was asked: one picture, a batch, or the frames of a clip."""
    drawn = []
    for number in range(latent.count):
        shift = number / max(1, latent.count - 1) if latent.is_video else 0.0
        picture = _one(words, latent, seed if latent.is_video else seed + number, shift)
        if denoise < 1 and number < len(latent.pictures):
            under = latent.pictures[number].resize(picture.size)
            picture = Image.blend(under, picture, max(0.0, denoise))
        drawn.append(picture)
    return replace(latent, pictures=tuple(drawn))


def _one(words: Conditioning, latent: Latent, seed: int, shift: float) -> Picture:
    size = (latent.width, latent.height)
    colour = colour_of(words.text, seed)
    picture = Image.new("RGB", size, colour)
    if words.pictures:
        _paste(picture, words.pictures)
    pen = ImageDraw.Draw(picture)
    ink = (255, 255, 255) if sum(colour) < 384 else (0, 0, 0)
    pen.multiline_text((_MARGIN, _MARGIN), f"{seed}\n{_plain(words.text)}", fill=ink)
    bar = int(shift * (latent.width - _MARGIN))
    pen.rectangle((bar, latent.height - _MARGIN, bar + _MARGIN, latent.height), fill=ink)
    return picture


def _paste(picture: Picture, references: tuple[Picture, ...]) -> None:
    """Put the references side by side in the lower half."""
    wide = (picture.width - 2 * _MARGIN) // len(references)
    high = picture.height // 2 - 2 * _MARGIN
    if min(wide, high) < 1:
        return
    for number, reference in enumerate(references):
        small = reference.convert("RGB").resize((wide, high))
        picture.paste(small, (_MARGIN + number * wide, picture.height // 2))


def _plain(text: str) -> str:
    lines = [text[start : start + 60] for start in range(0, min(len(text), 600), 60)]
    return "\n".join(lines).encode("ascii", "replace").decode()


def preview(picture: Picture, done: float) -> bytes:
    """Return a small JPEG of an unfinished picture."""
    small = picture.copy()
    small.thumbnail(_PREVIEW)
    grey = Image.new("RGB", small.size, (128, 128, 128))
    buffer = BytesIO()
    Image.blend(grey, small, done).save(buffer, "JPEG", quality=70)
    return buffer.getvalue()
