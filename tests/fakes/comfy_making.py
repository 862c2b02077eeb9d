"""What the nodes of the fake ComfyUI make. Models are names; what they would do is drawn.

A class that is not named here passes on what it is given: for each of its outputs the first input
of the same type, so that any plausible graph runs.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Protocol

from PIL import Image

from tests.fakes.comfy_drawing import Conditioning, Latent, Picture, draw
from tests.fakes.comfy_files import Folders
from tests.fakes.comfy_retouching import PICTURES, Given
from tests.fakes.comfy_saving import Clip, Saver, frames_of, opened

_BLANK = (512, 512)
_SEED_NAMES = ("seed", "noise_seed")


@dataclass(frozen=True, slots=True)
class Made:
    """What a node returns, and what it shows."""

    result: tuple[Any, ...] = ()
    ui: dict[str, Any] | None = None


class Bench(Protocol):
    """What a node may use."""

    folders: Folders
    saver: Saver

    def step(self, value: int, of: int, picture: Picture) -> None:
        """Tell that a step is done; raises when the prompt is interrupted."""


def make(name: str, given: Given, described: dict[str, Any], bench: Bench) -> Made:
    """Run one node."""
    if name in _SAVERS:
        return _SAVERS[name](given, bench)
    if "SAMPLER" in name.upper() and "LATENT" in described["output"]:
        return _sample(name, given, described, bench)
    if name in PICTURES:
        return Made((PICTURES[name](given),))
    if name in _OTHERS:
        return Made(_OTHERS[name](given, bench))
    return Made(_passed_on(given, described))


def _passed_on(given: Given, described: dict[str, Any]) -> tuple[Any, ...]:
    kinds = {**described["input"].get("required", {}), **described["input"].get("optional", {})}
    found = []
    for output in described["output"]:
        same = [given[key] for key, kind in kinds.items() if key in given and kind[0] == output]
        found.append(same[0] if same else _default(output, given))
    return tuple(found)


def _default(output: Any, given: Given) -> Any:
    defaults: dict[str, Any] = {
        "IMAGE": (Image.new("RGB", _BLANK),),
        "MASK": (Image.new("L", _BLANK),),
        "LATENT": _empty(given),
        "CONDITIONING": Conditioning(_text_in(given)),
        "INT": 0,
        "FLOAT": 0.0,
        "BOOLEAN": False,
        "STRING": _text_in(given),
        "NOISE": next((given[key] for key in _SEED_NAMES if key in given), 0),
        "SIGMAS": int(given.get("steps", 4)),
    }
    names = " ".join(value for key, value in given.items() if key.endswith("_name"))
    return defaults.get(output, names or str(output))


def _text_in(given: Given) -> str:
    return next((given[key] for key in ("text", "prompt", "value", "string") if key in given), "")


def _empty(given: Given) -> Latent:
    width, height = int(given.get("width", 512)), int(given.get("height", 512))
    length = int(given.get("length", 0))
    count = length or int(given.get("batch_size", 1))
    return Latent(width, height, count, (), is_video=length > 1)


def _sample(name: str, given: Given, described: dict[str, Any], bench: Bench) -> Made:
    latent: Latent = given["latent_image"]
    words = given.get("positive") or given.get("guider") or Conditioning()
    seed = given.get("noise", next((given[key] for key in _SEED_NAMES if key in given), 0))
    denoise = float(given.get("denoise", 1.0))
    if given.get("add_noise") == "disable" and latent.pictures:  # the second half of two
        drawn = latent
    else:
        drawn = draw(words, latent, int(seed), denoise)
    first, last = given.get("start_at_step", 0), given.get("end_at_step", 10_000)
    whole = int(given.get("steps") or given.get("sigmas") or 1)
    steps = max(1, min(last, whole) - first)
    for step in range(1, steps + 1):
        bench.step(step, steps, drawn.pictures[0])
    return Made((drawn,) * len(described["output"]))


def _loaded(given: Given, bench: Bench) -> tuple[Any, ...]:
    picture, mask = opened(bench.folders.annotated(given["image"]))
    return (picture,), (mask,)


def _loaded_models(given: Given, bench: Bench) -> tuple[Any, ...]:
    return (given["ckpt_name"],) * 3


def _encoded(given: Given, bench: Bench) -> tuple[Any, ...]:
    pictures = given["pixels"]
    return (Latent(*pictures[0].size, count=len(pictures), pictures=tuple(pictures)),)


def _referring(given: Given, bench: Bench) -> tuple[Any, ...]:
    latent: Latent | None = given.get("latent")
    return (given["conditioning"].seen(*(latent.pictures if latent else ())),)


def _worded_with_pictures(given: Given, bench: Bench) -> tuple[Any, ...]:
    shown = [given[key] for key in ("image", "image1", "image2", "image3") if key in given]
    return (Conditioning(given["prompt"], tuple(one[0] for one in shown)),)


def _moving_from(given: Given, bench: Bench) -> tuple[Any, ...]:
    shown = [given[key][0] for key in ("start_image", "end_image", "image") if key in given]
    positive, negative = given["positive"], given["negative"]
    return positive.seen(*shown), negative, _empty(given)


def _moving_latent(given: Given, bench: Bench) -> tuple[Any, ...]:
    shown = given.get("start_image", ())
    latent = _empty(given)
    return (replace(latent, pictures=tuple(one.resize(_size(latent)) for one in shown[:1])),)


def _size(latent: Latent) -> tuple[int, int]:
    return latent.width, latent.height


_OTHERS: dict[str, Callable[[Given, Bench], tuple[Any, ...]]] = {
    "LoadImage": _loaded,
    "CheckpointLoaderSimple": _loaded_models,
    "CLIPTextEncode": lambda given, _: (Conditioning(given["text"]),),
    "ConditioningZeroOut": lambda *_: (Conditioning(),),
    "VAEEncode": _encoded,
    "ReferenceLatent": _referring,
    "TextEncodeQwenImageEdit": _worded_with_pictures,
    "TextEncodeQwenImageEditPlus": _worded_with_pictures,
    "WanImageToVideo": _moving_from,
    "WanFirstLastFrameToVideo": _moving_from,
    "LTXVImgToVideo": _moving_from,
    "Wan22ImageToVideoLatent": _moving_latent,
    "BasicGuider": lambda given, _: (given["conditioning"],),
    "CFGGuider": lambda given, _: (given["positive"],),
    "CreateVideo": lambda given, _: (Clip(tuple(given["images"]), given["fps"]),),
    "LoadVideo": lambda given, bench: (frames_of(bench.folders.annotated(given["file"])),),
    "GetVideoComponents": lambda given, _: (given["video"].pictures, "audio", given["video"].fps),
    "GetImageSize": lambda given, _: (*given["image"][0].size, len(given["image"])),
    "StringConcatenate": lambda given, _: (
        given["delimiter"].join((given["string_a"], given["string_b"])),
    ),
}


def _moved(given: Given, bench: Bench, form: str) -> Made:
    how: dict[str, Any] = {}
    if form == "WEBP":
        how = {"lossless": given["lossless"], "quality": given["quality"]}
    saved = bench.saver.moving(given["images"], given["filename_prefix"], given["fps"], form, **how)
    return Made((), saved)


def _saved(given: Given, bench: Bench) -> Made:
    saved = bench.saver.pictures(given["images"], given["filename_prefix"], "output")
    return Made((given["images"],), saved)


def _shown(given: Given, bench: Bench) -> Made:
    return Made((given["images"],), bench.saver.pictures(given["images"], "ComfyUI", "temp"))


def _clipped(given: Given, bench: Bench) -> Made:
    return Made((given["video"],), bench.saver.clip(given["video"], given["filename_prefix"]))


def _webm(given: Given, bench: Bench) -> Made:
    clip = Clip(tuple(given["images"]), given["fps"])
    return Made((), bench.saver.clip(clip, given["filename_prefix"], "webm"))


def _as_text(given: Given, bench: Bench) -> Made:
    text = str(given["source"])
    return Made((text,), {"text": [text]})


_SAVERS: dict[str, Callable[[Given, Bench], Made]] = {
    "SaveImage": _saved,
    "PreviewImage": _shown,
    "SaveAnimatedWEBP": lambda given, bench: _moved(given, bench, "WEBP"),
    "SaveAnimatedPNG": lambda given, bench: _moved(given, bench, "PNG"),
    "SaveVideo": _clipped,
    "SaveWEBM": _webm,
    "PreviewAny": _as_text,
}
