"""A house whose pictures and clips are made by fake ComfyUI servers, watched or not."""

import io
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from komadori.domain.ids import ArtifactId, JobId
from komadori.domain.servers import Incident, IncidentKind, Offer, ServerReport, ServerState
from komadori.pipeline.artifacts import LocalFiles
from komadori.queue.clip_orders import ClipOrders
from komadori.queue.providers import read_backends
from komadori.queue.servers import ServerRows
from tests.fakes.comfy_server import ComfyServer
from tests.integration.house import House
from tests.integration.processes import until

MODULE = "huey_worker.huey"
SDXL = "comfyui-sdxl"
CHECK_CLIP = "comfyui-check-clip"
STEP_S = 0.02
STEPS = {"name": "steps", "label": "Steps", "kind": "integer", "minimum": 1, "maximum": 60}


class AtComfy:
    """The test's hands on the house, the store's servers, and the fakes themselves."""

    def __init__(self, house: House, servers: dict[str, ComfyServer]) -> None:
        self.house = house
        self.servers = servers
        self.rows = ServerRows(house.store)
        self.clips = ClipOrders(house.orders.desk)
        self._seed = 100
        self._boots: Counter[str] = Counter()
        self._before: Counter[tuple[str, str]] = Counter()

    # what a supervisor would tell

    def tell(self, name: str, state: ServerState, **more: Any) -> None:
        """Write how a server does, as its supervisor would."""
        now = self.rows.now()
        report = ServerReport(
            name=name,
            url=self.servers[name].url,
            is_owned=True,
            state=state,
            since=now,
            boot=self._boots[name],
            seen_at=now,
            attempts_most=5,
            offers={"sdxl": Offer(fields=(STEPS,)), "check-clip": Offer()},
            **more,
        )
        self.rows.take(name, "a test", 3600)
        self.rows.tell(report)

    def all_well(self, *names: str) -> None:
        """Have these servers run without faults, and the others known as down; count from now."""
        for name, server in self.servers.items():
            server.heal()
            if server.process is None or server.process.poll() is not None:
                self._boots[name] += 1
                server.restart()
            self.tell(name, ServerState.READY if name in names else ServerState.DOWN)
            for what, entries in server.seen().items():
                self._before[name, what] = len(entries) if hasattr(entries, "__len__") else 0
        self.house.write("UPDATE servers SET failures = 0, rest_until = NULL")

    def restart(self, name: str, *, kind: IncidentKind = IncidentKind.CRASHED) -> None:
        """Start a server that has ended anew, and tell of it."""
        tail = "loading the model\nSegmentation fault"
        self.rows.note(
            Incident(
                server=name,
                kind=kind,
                at=self.rows.now(),
                cause="it was ended by signal 11",
                log_tail=tail,
            )
        )
        self.tell(name, ServerState.STARTING, attempt=1)
        self._boots[name] += 1
        self.servers[name].restart()
        self.tell(name, ServerState.READY)

    # orders

    def frame(self, prompt: str = "a fox waits", **more: Any) -> JobId:
        """Ask for a picture by the SDXL workflow, with a seed that no server has seen."""
        self._seed += 1
        asked = {"provider": SDXL, "seed": self._seed, "width": 320, "height": 192} | more
        return self.house.submit_frame(prompt, **asked)

    def clip(self, **more: Any) -> JobId:
        """Ask for a clip by the workflow that needs no model."""
        asked = {"prompt": "it turns", "seconds": 1.0, "fps": 8}
        if "job_id" not in more:
            asked["first_frame"] = self.upload()
        return self.clips.submit(self.house.session, asked | {"provider": CHECK_CLIP} | more, None)

    def upload(self, colour: str = "teal") -> ArtifactId:
        """Keep a picture of the session."""
        file = io.BytesIO()
        Image.new("RGB", (320, 192), colour).save(file, "PNG")
        return self.house.upload(file.getvalue())

    # what was done

    def seen(self, what: str, *names: str) -> int:
        """Count an entry of the books of these servers, or of all: began, ended, interrupts ..."""
        return sum(
            len(self.servers[name].seen()[what]) - self._before[name, what]
            for name in names or self.servers
        )

    def slow(self, name: str, step_s: float) -> None:
        """Have each step of a server's sampler take so long."""
        self.servers[name].do("slow", factor=step_s / STEP_S)

    def begins(self, name: str, least: int = 1) -> None:
        """Wait until a server has begun with so many prompts."""
        until(lambda: self.seen("began", name) >= least, f"{name} begins with {least}")

    def waiting_at(self, name: str) -> int:
        """Count the prompts that wait at a server."""
        return len(self.servers[name].get("/queue")["queue_pending"])

    def picture(self, job_id: JobId) -> Image.Image:
        """Return the one picture of a job."""
        (frame,) = self.house.view(job_id).frames
        assert frame.picture is not None
        data = LocalFiles(self.house.folder / "artifacts").read(frame.picture)
        return Image.open(io.BytesIO(data))

    def waits(self, job_id: JobId, code: str) -> None:
        """Wait until a job waits for the reason with this code."""

        def problem() -> bool:
            found = self.house.view(job_id).problem
            return found is not None and found.code == code

        until(problem, f"job {job_id} waits: {code}")

    def progress(self, job_id: JobId) -> float:
        """Return how far a job is."""
        return self.house.view(job_id).progress

    def backend(self, name: str) -> Any:
        """Return a backend as the page sees it."""
        with self.house.store.read() as connection:
            found = read_backends(connection, time.time())
        return next(one for one in found if one.facts.name == name)


def folders(base: Path, names: Sequence[str]) -> dict[str, Path]:
    """Return a folder for each server."""
    return {name: base / f"comfy-{name}" for name in names}
