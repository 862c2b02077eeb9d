"""What huey_consumer loads: huey_consumer huey_worker.huey -k process -w 4"""

import logging
import sys

from komadori.domain.states import Lane
from komadori.logs import set_up_logging
from komadori.settings import SettingsInvalid, load_settings
from komadori.wiring import make_pipeline, make_plan, open_lane

set_up_logging()
logging.getLogger("huey").propagate = False  # huey_consumer gives it a handler of its own
try:
    settings = load_settings()
    huey = open_lane(settings, Lane.IMAGE, plan=make_plan(settings), run=make_pipeline())
except SettingsInvalid as exc:
    sys.exit(str(exc))
