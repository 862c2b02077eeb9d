"""The artifact store: pictures by id in a local folder, written whole or not at all."""

import hashlib
import os
import re
import time
import warnings
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from komadori.domain.files import StoredFile
from komadori.domain.ids import ArtifactId, StepId, new_id
from komadori.domain.requests import SIDE_MAX
from komadori.errors import RequestRejected
from komadori.pipeline.clip_files import opened_clip
from komadori.pipeline.plain_pixels import LYING, eight_bit, turn_of, upright

PIXELS_MAX = 50_000_000
BYTES_MAX = 20_000_000
THUMBNAIL = (480, 480)
"""Cards are about 300 px wide, on screens with up to twice the pixels."""
QUALITY = 90
SIDE_LEAST = 16
_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF")
_REFERENCE = "reference"
"""The ending of pictures that are kept as they were uploaded, of whatever format."""
_CLIP = "clip"
"""The ending of clips, which are kept as they came."""
_KEPT_AS_THEY_ARE = {
    "JPEG": "image/jpeg",
    "MPO": "image/jpeg",
    "PNG": "image/png",
    "WEBP": "image/webp",
    "GIF": "image/gif",
    "BMP": "image/bmp",
}
_ROUGH = (2 * THUMBNAIL[0], 2 * THUMBNAIL[1])
_ID = re.compile(r"[0-9a-f]{20}")


class LocalFiles:
    """A FileStore in a folder of this machine."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put_picture(self, data: bytes) -> StoredFile:
        """Check and keep a picture under a new id, with its thumbnail.

        Upright WebP within the limits is kept byte for byte; anything else is turned upright,
        reduced to at most 2048 px and made WebP.

        Raises:
            RequestRejected: the bytes are not a picture we take; the message says why.
        """
        picture = _opened(data)
        if not _may_stay(picture):
            picture, data = _as_webp(picture)
        artifact_id = ArtifactId(new_id())
        self._write(self.path(artifact_id), data)
        self._write(self.path(artifact_id, thumbnail=True), _thumbnail(picture))
        return StoredFile(
            id=artifact_id,
            media_type="image/webp",
            size_bytes=len(data),
            sha256=hashlib.sha256(data).hexdigest(),
            width=picture.width,
            height=picture.height,
        )

    def put_reference(self, data: bytes) -> StoredFile:
        """Check and keep a reference picture byte for byte, with its thumbnail.

        It is made small when it is sent, from what was uploaded and not from a copy of a copy.
        What those who are sent to cannot be made fit for (TIFF) becomes WebP as in `put_picture`.

        Raises:
            RequestRejected: the bytes are not a picture we take; the message says why.
        """
        picture = _opened(data, shrink_to=_ROUGH)
        media_type = _KEPT_AS_THEY_ARE.get(picture.format or "")
        if media_type is None:
            return self.put_picture(data)
        width, height = _full_size(data)
        artifact_id = ArtifactId(new_id())
        self._write(self._place(artifact_id, _REFERENCE), data)
        self._write(self.path(artifact_id, thumbnail=True), _as_webp(picture, THUMBNAIL)[1])
        return StoredFile(
            id=artifact_id,
            media_type=media_type,
            size_bytes=len(data),
            sha256=hashlib.sha256(data).hexdigest(),
            width=width,
            height=height,
        )

    def read(self, artifact_id: ArtifactId) -> bytes:
        """Return the whole file. Raises FileNotFoundError when it is gone."""
        return self.path(artifact_id).read_bytes()

    def path(self, artifact_id: ArtifactId, *, thumbnail: bool = False) -> Path:
        """Return where the file lies."""
        if thumbnail:
            return self._place(artifact_id, "thumb.webp")
        picture = self._place(artifact_id, "webp")
        if picture.exists():
            return picture
        others = (self._place(artifact_id, ending) for ending in (_REFERENCE, _CLIP))
        return next((other for other in others if other.exists()), picture)

    def _place(self, artifact_id: ArtifactId | StepId, ending: str) -> Path:
        if not _ID.fullmatch(artifact_id):  # an id never becomes a path of somebody's choice
            raise FileNotFoundError(artifact_id)
        return self._folder / artifact_id[:2] / f"{artifact_id}.{ending}"

    def put_clip(self, data: bytes) -> StoredFile:
        """Check and keep a clip byte for byte, with a still as its thumbnail.

        Raises:
            RequestRejected: the bytes are not a clip that can be played; the message says why.
        """
        clip = opened_clip(data)
        artifact_id = ArtifactId(new_id())
        self._write(self._place(artifact_id, _CLIP), data)
        self._write(self.path(artifact_id, thumbnail=True), _as_webp(clip.still, THUMBNAIL)[1])
        return StoredFile(
            id=artifact_id,
            media_type=clip.media_type,
            size_bytes=len(data),
            sha256=hashlib.sha256(data).hexdigest(),
            width=clip.still.width,
            height=clip.still.height,
        )

    def put_preview(self, step_id: StepId, picture: bytes) -> None:
        """Keep what is there of a step's result so far."""
        self._write(self.preview_path(step_id), picture)

    def preview_path(self, step_id: StepId) -> Path:
        """Return where a step's preview lies, if there is one."""
        return self._place(step_id, "preview")

    def remove_preview(self, step_id: StepId) -> None:
        """Forget a step's preview; none there is fine."""
        self.preview_path(step_id).unlink(missing_ok=True)

    def remove(self, artifact_id: ArtifactId) -> None:
        """Forget the file and its thumbnail; none there is fine."""
        for path in self.path(artifact_id).parent.glob(f"{artifact_id}.*"):
            path.unlink(missing_ok=True)

    def older_than(self, age_s: float) -> Iterator[ArtifactId]:
        """Yield the ids of files that were written so long ago, or earlier."""
        before = time.time() - age_s
        old = {
            path.name.split(".", 1)[0]
            for path in self._folder.glob("??/*.*")
            if path.stat().st_mtime <= before
        }
        yield from (ArtifactId(name) for name in sorted(old) if _ID.fullmatch(name))

    def _write(self, path: Path, data: bytes) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(f".{os.getpid()}.part")
        unfinished.write_bytes(data)
        unfinished.replace(path)


def _opened(data: bytes, shrink_to: tuple[int, int] | None = None) -> Image.Image:
    """Return the first frame, decoded, or say by name what is wrong with the bytes.

    A JPEG is decoded at a fraction of its size, though not below `shrink_to`: all its data is
    read all the same, so that a torn one is found.
    """
    if not data:
        raise RequestRejected("The picture is empty (0 bytes).", code="picture_empty")
    if len(data) > BYTES_MAX:
        raise RequestRejected(
            f"The picture has {len(data) / 1e6:.0f} MB; at most {BYTES_MAX / 1e6:.0f} are taken.",
            code="picture_bytes",
            most_mb=int(BYTES_MAX / 1e6),
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # we have our own limit
            picture = Image.open(BytesIO(data), formats=_FORMATS)
            _refuse_bomb(picture)
            if shrink_to is not None:
                _refuse_speck(picture)
                picture.draft(None, shrink_to)
            picture.load()
    except Image.DecompressionBombError as exc:
        raise _too_large() from exc
    except UnidentifiedImageError as exc:
        raise RequestRejected(
            f"This file is not a picture we can read. Use one of {', '.join(_FORMATS)}.",
            code="picture_unknown",
            formats=", ".join(_FORMATS),
        ) from exc
    except (OSError, SyntaxError, ValueError, EOFError) as exc:  # what Pillow raises for torn files
        raise RequestRejected(
            "The picture is damaged or cut short. Save it again and upload it anew.",
            code="picture_damaged",
        ) from exc
    return picture


def _full_size(data: bytes) -> tuple[int, int]:
    """Return width and height of a picture that was opened before, as it is seen upright."""
    picture = Image.open(BytesIO(data), formats=_FORMATS)
    is_lying = turn_of(picture) in LYING
    return (picture.height, picture.width) if is_lying else picture.size


def _refuse_speck(picture: Image.Image) -> None:
    """A reference too small, or too narrow, shows nothing once it is made fit to send."""
    scale = min(SIDE_MAX / max(picture.size), 1.0)
    if min(picture.size) * scale < SIDE_LEAST:
        raise RequestRejected(
            f"The picture has {picture.width} x {picture.height} pixels; at most {SIDE_MAX} pixels "
            f"long, each side needs at least {SIDE_LEAST}.",
            code="picture_small",
            least_px=SIDE_LEAST,
        )


def _refuse_bomb(picture: Image.Image) -> None:
    if picture.width * picture.height > PIXELS_MAX:
        raise _too_large()


def _too_large() -> RequestRejected:
    return RequestRejected(
        f"The picture has too many pixels; at most {PIXELS_MAX / 1e6:.0f} megapixels are taken.",
        code="picture_pixels",
        most_mp=int(PIXELS_MAX / 1e6),
    )


def _may_stay(picture: Image.Image) -> bool:
    is_animated = getattr(picture, "is_animated", False)
    is_small = max(picture.size) <= SIDE_MAX
    return picture.format == "WEBP" and is_small and not is_animated and turn_of(picture) is None


def _as_webp(
    picture: Image.Image, size: tuple[int, int] = (SIDE_MAX, SIDE_MAX)
) -> tuple[Image.Image, bytes]:
    picture = eight_bit(upright(picture))
    picture.thumbnail(size)
    return picture, _webp(picture)


def _thumbnail(picture: Image.Image) -> bytes:
    small = picture.copy()
    small.thumbnail(THUMBNAIL)
    return _webp(small)


def _webp(picture: Image.Image) -> bytes:
    file = BytesIO()
    picture.save(file, "WEBP", quality=QUALITY, method=2)
    return file.getvalue()
