"""The nodes that the fake ComfyUI says it has, and the model files that it pretends to have."""

import copy
import json
from pathlib import Path
from typing import Any

from tests.fakes.comfy_faults import Faults

_DESCRIPTIONS = Path(__file__).with_name("comfy_nodes.json")
_PICTURES = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp")

MODELS: dict[str, list[str]] = {
    "checkpoints": ["sd_xl_base_1.0.safetensors", "v1-5-pruned-emaonly-fp16.safetensors"],
    "configs": [],
    "loras": [
        "Qwen-Image-Edit-2509-Lightning-4steps-V1.0-bf16.safetensors",
        "Qwen-Image-Lightning-4steps-V1.0.safetensors",
        "wan2.2_i2v_lightx2v_4steps_lora_v1_high_noise.safetensors",
        "wan2.2_i2v_lightx2v_4steps_lora_v1_low_noise.safetensors",
    ],
    "vae": [
        "ae.safetensors",
        "flux2-vae.safetensors",
        "qwen_image_vae.safetensors",
        "wan_2.1_vae.safetensors",
        "wan2.2_vae.safetensors",
    ],
    "text_encoders": [
        "clip_l.safetensors",
        "mistral_3_small_flux2_fp8.safetensors",
        "qwen_2.5_vl_7b_fp8_scaled.safetensors",
        "qwen_3_4b.safetensors",
        "t5xxl_fp8_e4m3fn_scaled.safetensors",
        "umt5_xxl_fp8_e4m3fn_scaled.safetensors",
    ],
    "diffusion_models": [
        "flux1-dev-fp8.safetensors",
        "flux1-dev-kontext_fp8_scaled.safetensors",
        "flux2_dev_fp8mixed.safetensors",
        "qwen_image_edit_2509_fp8_e4m3fn.safetensors",
        "qwen_image_fp8_e4m3fn.safetensors",
        "wan2.2_i2v_high_noise_14B_fp8_scaled.safetensors",
        "wan2.2_i2v_low_noise_14B_fp8_scaled.safetensors",
        "wan2.2_ti2v_5B_fp16.safetensors",
        "z_image_turbo_bf16.safetensors",
    ],
    "clip_vision": ["clip_vision_h.safetensors"],
    "style_models": [],
    "embeddings": [],
    "diffusers": [],
    "vae_approx": [],
    "controlnet": [],
    "gligen": [],
    "upscale_models": ["RealESRGAN_x4plus.safetensors"],
    "latent_upscale_models": [],
    "custom_nodes": [],
    "hypernetworks": [],
    "photomaker": [],
    "classifiers": [],
    "model_patches": [],
    "audio_encoders": [],
    "background_removal": [],
    "frame_interpolation": [],
    "geometry_estimation": [],
    "optical_flow": [],
    "detection": [],
}
_FOLDERS = {
    "ckpt_name": "checkpoints",
    "unet_name": "diffusion_models",
    "clip_name": "text_encoders",
    "clip_name1": "text_encoders",
    "clip_name2": "text_encoders",
    "clip_name3": "text_encoders",
    "clip_name4": "text_encoders",
    "vae_name": "vae",
    "lora_name": "loras",
    "style_model_name": "style_models",
    "control_net_name": "controlnet",
}
_SPECIAL = {
    ("CLIPVisionLoader", "clip_name"): "clip_vision",
    ("UpscaleModelLoader", "model_name"): "upscale_models",
}


class Catalog:
    """What /object_info and /models say."""

    def __init__(self, input_folder: Path, faults: Faults) -> None:
        described = json.loads(_DESCRIPTIONS.read_text(encoding="utf-8"))
        self._described: dict[str, dict[str, Any]] = described
        self._input = input_folder
        self._faults = faults

    def names(self) -> list[str]:
        """Return the classes that are there."""
        lacking = {
            name
            for order in self._faults.take("catalog")
            if order["do"] == "lacks"
            for name in order["names"]
        }
        return [name for name in self._described if name not in lacking]

    def has(self, name: str) -> bool:
        """Whether a class is there."""
        return name in self._described and name in self.names()

    def models(self, folder: str) -> list[str] | None:
        """Return the files of a folder of models, or None for no such folder."""
        for order in self._faults.take("catalog"):
            if order["do"] == "models" and order["folder"] == folder:
                return list(order["names"])
        return MODELS.get(folder)

    def described(self, name: str) -> dict[str, Any]:
        """Return the description of a class, with the files that are there now."""
        found = copy.deepcopy(self._described[name])
        for inputs in (found["input"].get("required", {}), found["input"].get("optional", {})):
            for key, kind in inputs.items():
                self._fill(name, key, kind)
        return found

    def _fill(self, name: str, key: str, kind: list[Any]) -> None:
        if len(kind) > 1 and kind[1].get("image_upload"):
            _set_choices(kind, self._pictures())
        folder = _SPECIAL.get((name, key)) or _FOLDERS.get(key)
        if folder and is_choice(kind):
            _set_choices(kind, [*choices(kind), *(self.models(folder) or [])])

    def _pictures(self) -> list[str]:
        if not self._input.is_dir():
            return []
        return sorted(one.name for one in self._input.iterdir() if one.suffix.lower() in _PICTURES)


def is_choice(kind: list[Any]) -> bool:
    """Whether an input is chosen from a list, in either dialect."""
    return isinstance(kind[0], list) or kind[0] == "COMBO"


def choices(kind: list[Any]) -> list[Any]:
    """Return the list that an input is chosen from, in either dialect."""
    if isinstance(kind[0], list):
        return kind[0]
    options: list[Any] = kind[1].get("options", []) if len(kind) > 1 else []
    return options


def _set_choices(kind: list[Any], values: list[Any]) -> None:
    unique = list(dict.fromkeys(values))
    if isinstance(kind[0], list):
        kind[0] = unique
    else:
        kind[1]["options"] = unique
