"""What the fake ComfyUI does to itself when a fault says so."""

import ctypes
import os
import signal
import time
from collections.abc import Callable
from typing import Any

from tests.fakes.comfy_run import NodeFailed

CUDA_TYPE = "torch.AcceleratorError"
CUDA_MESSAGE = (
    "CUDA error: an illegal memory access was encountered\n"
    "CUDA kernel errors might be asynchronously reported at some other API call, "
    "so the stacktrace below might be incorrect.\n"
)
_OOM_TYPE = "torch.OutOfMemoryError"
_OOM_MESSAGE = (
    "CUDA out of memory. Tried to allocate 20.00 GiB\n"
    "This error means you ran out of memory on your GPU.\n\n"
    "TIPS: If the workflow worked before you might have accidentally set the batch_size "
    "to a large number."
)
_SIGNALS = {"sigkill": signal.SIGKILL, "sigsegv": signal.SIGSEGV, "sigterm": signal.SIGTERM}
_LOOK_S = 0.01


class WorkerLost(BaseException):
    """Ends the thread that executes prompts; no handler of Exception catches it."""


def die(how: str | int = "sigkill") -> None:
    """End this process: `sigkill`, `sigsegv`, `sigterm`, or by a code."""
    if isinstance(how, int):
        os._exit(how)
    os.kill(os.getpid(), _SIGNALS[how])
    time.sleep(5)


def freeze() -> None:
    """Stop this process; only SIGCONT and SIGKILL reach it then."""
    os.kill(os.getpid(), signal.SIGSTOP)


def hold_the_lock(seconds: float) -> None:
    """Do as a C extension that never lets go of the interpreter's lock: all threads stand."""
    ctypes.PyDLL(None).usleep(int(seconds * 1_000_000))


def be_silent(seconds: float | None, check: Callable[[], None]) -> None:
    """Work without a word; for ever if no time is given."""
    began = time.monotonic()
    while seconds is None or time.monotonic() - began < seconds:
        check()
        time.sleep(_LOOK_S)


def act_now(order: dict[str, Any]) -> None:
    """Do what needs no prompt."""
    match order["do"]:
        case "die":
            die(order.get("how", "sigkill"))
        case "freeze":
            freeze()
        case "block":
            hold_the_lock(order.get("seconds", 1))


def act_in_prompt(order: dict[str, Any], check: Callable[[], None], poison: Any) -> None:
    """Do what is done to a prompt that runs; may raise what a node would raise."""
    time.sleep(order.get("after_s", 0))
    match order["do"]:
        case "silent":
            is_deaf = not order.get("interruptible", False)
            be_silent(order.get("seconds"), (lambda: None) if is_deaf else check)
        case "exception":
            kind = order.get("type", "RuntimeError")
            raise NodeFailed(kind, order.get("message", "deliberate failure\n"))
        case "oom":
            raise NodeFailed(order.get("type", _OOM_TYPE), _OOM_MESSAGE)
        case "cuda":
            poison()
            raise NodeFailed(CUDA_TYPE, CUDA_MESSAGE)
        case "worker_dies":
            # Python says nothing of a thread that SystemExit ends.
            raise SystemExit if order.get("quiet") else WorkerLost("deliberate loss of the worker")
        case _:
            act_now(order)
