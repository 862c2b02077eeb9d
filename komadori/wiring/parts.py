"""What both the page and the workers are made of."""

from collections.abc import Callable

from komadori.domain.work import PlanJob
from komadori.pipeline.artifacts import LocalFiles
from komadori.pipeline.plans import Plans
from komadori.queue.broker import Broker
from komadori.settings import Settings


def make_plan(settings: Settings) -> PlanJob:
    """Return what knows the stages of every kind of job."""
    return Plans(settings.defaults.image.pixels)


def ringer(broker: Broker, settings: Settings) -> Callable[[int], None]:
    """Ring once a step, but never for more workers than there are."""
    workers = settings.defaults.concurrency.image_workers
    return lambda steps: broker.ring(min(steps, workers))


def open_files(settings: Settings) -> LocalFiles:
    """Return the artifact store."""
    return LocalFiles(settings.data_dir / "artifacts")
