"""Clips as files: are they what they say, how long are they, and what do they look like."""

from dataclasses import dataclass
from io import BytesIO

import av
from PIL import Image, UnidentifiedImageError

from komadori.errors import RequestRejected

BYTES_MAX = 512_000_000
FRAMES_LEAST = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Clip:
    """A clip that was decoded from its first frame to its last. `still` is the first one."""

    media_type: str
    still: Image.Image
    frames: int
    seconds: float


def opened_clip(data: bytes) -> Clip:
    """Decode a clip whole: a file that was cut short ends in an error, not in a short clip.

    Raises:
        RequestRejected: it is no MP4 and no animated WebP, or it is damaged.
    """
    if len(data) > BYTES_MAX:
        raise RequestRejected(
            f"The clip has {len(data) / 1e6:.0f} MB; at most {BYTES_MAX / 1e6:.0f} are taken.",
            code="clip_bytes",
            most_mb=int(BYTES_MAX / 1e6),
        )
    is_webp = data[:4] == b"RIFF" and data[8:12] == b"WEBP"
    try:
        clip = _webp(data) if is_webp else _video(data)
    except (av.FFmpegError, OSError, ValueError, EOFError, UnidentifiedImageError) as exc:
        raise _damaged() from exc
    if clip.frames < FRAMES_LEAST:
        raise RequestRejected("The clip has but one frame: it is a picture.", code="clip_still")
    return clip


def _webp(data: bytes) -> Clip:
    picture = Image.open(BytesIO(data), formats=("WEBP",))
    frames = int(getattr(picture, "n_frames", 1))
    still, milliseconds = None, 0
    for number in range(frames):
        picture.seek(number)
        picture.load()
        milliseconds += int(picture.info.get("duration", 0))
        still = still or picture.convert("RGB")
    return Clip(
        media_type="image/webp",
        still=still or picture.convert("RGB"),
        frames=frames,
        seconds=milliseconds / 1000,
    )


def _video(data: bytes) -> Clip:
    still: Image.Image | None = None
    frames, ends = 0, 0.0
    with av.open(BytesIO(data), mode="r", format="mp4") as container:
        if not container.streams.video:
            raise _damaged()
        stream = container.streams.video[0]
        for frame in container.decode(stream):
            still = still or Image.fromarray(frame.to_ndarray(format="rgb24"))
            frames += 1
            ends = frame.time or ends
        expected = stream.frames
        rate = float(stream.average_rate or 0)
    if still is None or (expected and frames < expected):
        raise _damaged()
    return Clip(
        media_type="video/mp4",
        still=still,
        frames=frames,
        seconds=round(ends + (1 / rate if rate else 0), 3),
    )


def _damaged() -> RequestRejected:
    return RequestRejected(
        "The clip is damaged, cut short, or neither MP4 nor animated WebP.", code="clip_damaged"
    )
