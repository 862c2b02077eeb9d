"""What huey_consumer loads: huey_consumer huey_worker.huey -k process -w 4"""

import ctypes
import logging
import sys

from komadori.domain.states import Lane
from komadori.logs import set_up_logging
from komadori.settings import SettingsInvalid, load_settings
from komadori.wiring.parts import make_plan
from komadori.wiring.workers import (
    find_workflows,
    make_backends,
    make_clip_backends,
    make_pipeline,
    open_lane,
)

_M_MMAP_THRESHOLD = -3  # malloc.h


def give_memory_back() -> None:
    """Have glibc return large blocks at once: pictures drawn in threads would leave 120 MB behind.

    On other systems there is no such call, and nothing to mend.
    """
    if sys.platform == "linux" and hasattr(libc := ctypes.CDLL(None), "mallopt"):
        libc.mallopt(_M_MMAP_THRESHOLD, 1_000_000)


give_memory_back()
set_up_logging()
logging.getLogger("huey").propagate = False  # huey_consumer gives it a handler of its own
try:
    settings = load_settings()
    workflows = find_workflows(settings)
    backends = make_backends(settings, workflows)
    clip_backends = make_clip_backends(settings, workflows)
    huey = open_lane(
        settings,
        Lane.IMAGE,
        plan=make_plan(settings),
        run=make_pipeline(settings, backends, clip_backends),
        known=lambda: (*backends.facts, *(backend.facts for backend in clip_backends)),
    )
except SettingsInvalid as exc:
    sys.exit(str(exc))
