"""The nodes of the fake ComfyUI that write files: pictures, moving pictures, clips."""

import json
import random
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from tests.fakes.comfy_drawing import Picture
from tests.fakes.comfy_files import Folders, Place


@dataclass(frozen=True, slots=True)
class Clip:
    """Stands for VIDEO."""

    pictures: tuple[Picture, ...]
    fps: float


@dataclass(frozen=True, slots=True)
class Saver:
    """Writes the outputs of one prompt."""

    folders: Folders
    metadata: dict[str, Any]
    has_metadata: bool = True

    def pictures(self, pictures: tuple[Picture, ...], prefix: str, kind: str) -> dict[str, Any]:
        """Write a PNG for each picture, as SaveImage and PreviewImage do."""
        if kind == "temp":
            letters = "".join(random.choices("abcdefghijklmnopqrstupvxyz", k=5))
            prefix = f"{prefix}_temp_{letters}"
        place = self.folders.place(prefix, kind, *pictures[0].size)
        told = []
        for number, picture in enumerate(pictures):
            path = place.path("png", number)
            picture.save(path, pnginfo=self._png(), compress_level=1 if kind == "temp" else 4)
            told.append(_told(place, path, kind))
        return {"images": told}

    def moving(
        self, pictures: tuple[Picture, ...], prefix: str, fps: float, form: str, **how: Any
    ) -> dict[str, Any]:
        """Write one animated WebP or PNG."""
        place = self.folders.place(prefix, "output", *pictures[0].size)
        path = place.path("webp" if form == "WEBP" else "png")
        rest = [one.convert("RGB") for one in pictures[1:]]
        first, duration = pictures[0].convert("RGB"), int(1000 / fps)
        first.save(path, form, save_all=True, append_images=rest, duration=duration, **how)
        return {"images": [_told(place, path, "output")], "animated": [True]}

    def clip(self, clip: Clip, prefix: str, ending: str = "mp4") -> dict[str, Any]:
        """Write one clip that can be played."""
        place = self.folders.place(prefix, "output", *clip.pictures[0].size)
        path = place.path(ending)
        codec, pixels = ("libvpx-vp9", "yuv420p") if ending == "webm" else ("h264", "yuv420p")
        _encode(path, clip, codec, pixels)
        return {"images": [_told(place, path, "output")], "animated": [True]}

    def _png(self) -> PngInfo | None:
        if not self.has_metadata:
            return None
        info = PngInfo()
        for key, value in self.metadata.items():
            info.add_text(key, json.dumps(value))
        return info


def _told(place: Place, path: Path, kind: str) -> dict[str, str]:
    return {"filename": path.name, "subfolder": place.subfolder, "type": kind}


def _encode(path: Path, clip: Clip, codec: str, pixels: str) -> None:
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(codec, rate=Fraction(round(clip.fps * 1000), 1000))
        width, height = clip.pictures[0].size
        stream.width, stream.height = width - width % 2, height - height % 2
        stream.pix_fmt = pixels
        for picture in clip.pictures:
            fitted = picture.convert("RGB").resize((stream.width, stream.height))
            frame = av.VideoFrame.from_ndarray(np.asarray(fitted), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def frames_of(path: Path) -> Clip:
    """Read a clip, as LoadVideo does."""
    with av.open(str(path)) as container:
        pictures = tuple(_as_picture(frame) for frame in container.decode(video=0))
        rate = container.streams.video[0].average_rate
    return Clip(pictures, float(rate or 24))


def _as_picture(frame: av.VideoFrame) -> Picture:
    return Image.fromarray(frame.to_ndarray(format="rgb24"))


def opened(path: Path) -> tuple[Picture, Picture]:
    """Read a picture and its mask, as LoadImage does."""
    with Image.open(path) as file:
        whole = file.convert("RGBA")
    alpha = whole.getchannel("A").point(lambda value: 255 - value)
    return whole.convert("RGB"), alpha
