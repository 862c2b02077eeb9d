"""What /system_stats of the fake ComfyUI says: the machine's numbers, less what a fault says."""

import sys
from dataclasses import dataclass
from typing import Any

import psutil

from tests.fakes.comfy_faults import Faults
from tests.fakes.comfy_worker import Worker

_MB = 1024 * 1024
_PACKAGES = (
    ("comfyui-frontend-package", "1.45.20"),
    ("comfyui-workflow-templates", "0.11.9"),
    ("comfyui-embedded-docs", "0.5.8"),
    ("comfy-kitchen", "0.2.19"),
    ("comfy-aimdo", "0.4.10"),
)
_GPU = "cuda:0 NVIDIA GeForce RTX 4090 : cudaMallocAsync"


@dataclass(frozen=True, slots=True)
class Stats:
    """Tells of the machine. With `vram_mb` there is a GPU, else a CPU, whose memory is the RAM."""

    version: str
    argv: list[str]
    faults: Faults
    worker: Worker
    vram_mb: int | None = None

    @property
    def is_old(self) -> bool:
        """Whether it is one of the 0.3 versions."""
        return self.version.startswith("0.3.")

    @property
    def is_recorded(self) -> bool:
        """Whether it is the version of the recordings, which has holes that were closed later."""
        return self.version.startswith("0.27.")

    def told(self) -> dict[str, Any]:
        """Return the whole answer."""
        orders = {order["do"]: order for order in self.faults.take("stats")}
        if "sick_stats" in orders:
            raise RuntimeError("CUDA error: an illegal memory access was encountered")
        memory = psutil.virtual_memory()
        total, free = memory.total, memory.available - self.worker.shown_leak
        if "ram" in orders:
            total = int(orders["ram"].get("total_mb", total // _MB) * _MB)
            free = int(orders["ram"].get("free_mb", free // _MB) * _MB) - self.worker.shown_leak
        free = max(0, free)
        return {"system": self._system(total, free), "devices": [self._device(total, free, orders)]}

    def _system(self, total: int, free: int) -> dict[str, Any]:
        told: dict[str, Any] = {
            "os": "posix" if self.is_old else "linux",
            "ram_total": total,
            "ram_free": free,
            "comfyui_version": self.version,
            "required_frontend_version": "1.45.20",
            "installed_templates_version": "0.11.9",
            "required_templates_version": "0.11.9",
        }
        if not self.is_old:
            told["comfy_package_versions"] = [
                {"name": name, "installed": version, "required": version}
                for name, version in _PACKAGES
            ]
        told |= {
            "python_version": sys.version,
            "pytorch_version": "2.13.0+cpu",
            "embedded_python": False,
        }
        if not self.is_old:
            told["deploy_environment"] = "local-git"
        return {**told, "argv": self.argv}

    def _device(self, total: int, free: int, orders: dict[str, Any]) -> dict[str, Any]:
        if self.vram_mb is None and "vram" not in orders:
            name, kind, index = "cpu", "cpu", None
        else:
            name, kind, index = _GPU, "cuda", 0
            total = free = (self.vram_mb or 24_564) * _MB
        if "vram" in orders:
            total = int(orders["vram"].get("total_mb", total // _MB) * _MB)
            free = int(orders["vram"].get("free_mb", free // _MB) * _MB)
        return {
            "name": name,
            "type": kind,
            "index": index,
            "vram_total": total,
            "vram_free": free,
            "torch_vram_total": total,
            "torch_vram_free": free,
        }
