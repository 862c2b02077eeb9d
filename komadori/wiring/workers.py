"""The workers' side: the backends, what does the steps, and the lane that hands them out."""

import gc
import logging
import os
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from komadori.backends.comfy.backends import ComfyClips, ComfyImages
from komadori.backends.comfy.folder import Found, load_workflows
from komadori.backends.images.http_api import HttpImages, load_providers
from komadori.backends.images.sketch import SketchBackend
from komadori.domain.backends import BackendFacts
from komadori.domain.states import Lane
from komadori.domain.work import PlanJob, RunStep
from komadori.pipeline.choices import Backends
from komadori.pipeline.clips import MakeClip, is_whole_clip
from komadori.pipeline.compress import Compressor
from komadori.pipeline.drawing import Draw
from komadori.pipeline.references import Prepare
from komadori.pipeline.steps import Pipeline
from komadori.queue.broker import Broker, open_broker
from komadori.queue.changes import open_changes
from komadori.queue.consumer import Bench, LaneConsumer
from komadori.queue.housekeeping import Housekeeping
from komadori.queue.ledger import Ledger, Limits
from komadori.queue.migrate import migrate
from komadori.queue.providers import publish
from komadori.queue.reaper import Reaper
from komadori.queue.store import Store
from komadori.queue.worker import StepWorker, TimeLimits
from komadori.settings import Settings
from komadori.wiring.parts import open_files, ringer

_CLIP_MAX_MB = 512.0
log = logging.getLogger(__name__)


def find_workflows(settings: Settings) -> Found:
    """Return the ComfyUI workflows of the folder."""
    workflows = load_workflows(settings.workflows_dir)
    for fault in workflows.faults.values():
        log.error("workflow left out: %s", fault)
    return workflows


def make_backends(settings: Settings, workflows: Found) -> Backends:
    """Return all image backends. Their keys are read from the environment when they are used."""
    image = settings.defaults.image
    found = load_providers(settings.providers_dir)
    for fault in found.faults.values():
        log.error("provider left out: %s", fault)
    providers = [
        HttpImages(
            spec,
            os.environ,
            download_s=image.download_timeout,
            download_bytes=int(image.download_max_mb * 1_000_000),
        )
        for spec in found.specs
    ]
    comfy = [
        ComfyImages(
            workflow,
            max_mb=image.download_max_mb,
            silent_limit_s=settings.comfyui.silent_limit_s,
            addresses=_addresses(settings),
        )
        for workflow in workflows.workflows
        if workflow.kind == "image"
    ]
    faults = {**found.faults, **workflows.faults}
    return Backends([*comfy, *providers, SketchBackend()], image.provider, faults=faults)


def make_clip_backends(settings: Settings, workflows: Found) -> Sequence[ComfyClips]:
    """Return the workflows that make clips."""
    return [
        ComfyClips(
            workflow,
            max_mb=_CLIP_MAX_MB,
            silent_limit_s=settings.comfyui.silent_limit_s,
            addresses=_addresses(settings),
            is_whole=is_whole_clip,
        )
        for workflow in workflows.workflows
        if workflow.kind == "clip"
    ]


def _addresses(settings: Settings) -> Mapping[str, str]:
    """Return the addresses that hold a password: what is told of servers in the store has none."""
    return {server.name: server.url for server in settings.comfyui.servers if "@" in server.url}


def make_pipeline(
    settings: Settings, backends: Backends, clip_backends: Sequence[ComfyClips]
) -> RunStep:
    """Return what does the steps."""
    image = settings.defaults.image
    compressor = Compressor(settings.data_dir / "cache" / "references")
    prepare = Prepare(compressor, max_kb=image.reference_max_kb)
    return Pipeline(Draw(backends, prepare, timeout_s=image.timeout), MakeClip(clip_backends))


def open_lane(
    settings: Settings,
    lane: Lane,
    *,
    plan: PlanJob,
    run: RunStep,
    known: Callable[[], Sequence[BackendFacts]] = tuple,
) -> Broker:
    """Return the broker of a lane, with the consumer that huey_consumer will run.

    `plan` and `run` are what its workers ask for the next stage and for the work itself; `known`
    tells of the image backends that `run` has.
    """
    broker = open_broker(lane, data_dir=settings.data_dir, redis_url=settings.redis_url)
    broker.consumer = partial(_consumer, settings, plan, run, known)
    return broker


def _consumer(
    settings: Settings,
    plan: PlanJob,
    run: RunStep,
    known: Callable[[], Sequence[BackendFacts]],
    broker: Broker,
    **options: object,
) -> LaneConsumer:
    migrate(settings.database_url)
    _tell_of_backends(settings, known())
    gc.collect()
    gc.freeze()  # what is loaded now is shared by all workers, and stays shared
    return LaneConsumer(
        broker,
        open_bench=lambda: _open_bench(settings, plan, run, broker),
        max_steps=settings.worker.max_steps,
        frozen_after_s=settings.worker.lease_s,
        **options,
    )


def _tell_of_backends(settings: Settings, known: Sequence[BackendFacts]) -> None:
    """Let the page know who can draw here; its process need not have the keys."""
    if not known:
        return
    store = Store(settings.database_url)
    publish(store, known)
    store.close()  # the workers are forked from here, and make their own


def _open_bench(settings: Settings, plan: PlanJob, run: RunStep, broker: Broker) -> Bench:
    """Open the store for one worker; called after the fork."""
    step = settings.defaults.step
    store = Store(settings.database_url, open_changes(settings.database_url, settings.redis_url))
    limits = Limits(
        lease_s=settings.worker.lease_s, retries=step.retries, retry_delay_s=step.retry_delay_s
    )
    ledger = Ledger(store, plan, limits, ringer(broker, settings))
    files = open_files(settings)
    keep_s = settings.housekeeping.deleted_after_minutes * 60
    return Bench(
        worker=StepWorker(
            broker.lane,
            ledger,
            files,
            run,
            TimeLimits(soft_s=step.soft_limit_s, hard_s=step.hard_limit_s),
        ),
        reaper=Reaper(ledger),
        housekeeping=Housekeeping(store, files, keep_s=keep_s),
    )
