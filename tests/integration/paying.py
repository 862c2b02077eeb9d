"""A house whose pictures are paid: real consumers, and a provider that counts its bills."""

import signal
import time
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import psutil
import yaml
from PIL import Image

from komadori.domain.ids import JobId
from komadori.domain.states import JobState, StepState
from komadori.domain.view import BackendView, JobView, Problem, StepView
from komadori.queue.providers import read_backends
from komadori.settings import ROOT
from tests.fakes.provider_shapes import KEYS
from tests.integration.house import House
from tests.integration.processes import Consumer, until
from tests.integration.providers import FakeProvider

MODULE = "huey_worker.huey"
PROVIDER_KEYS = {
    "OPENAI_API_KEY": KEYS["openai"],
    "GEMINI_API_KEY": KEYS["gemini"],
    "ARK_API_KEY": KEYS["ark"],
    "JIEKOU_API_KEY": KEYS["jiekou"],
}
PROMPT = "a fox on a bridge in the rain"
_SHIPPED = ROOT / "config" / "providers"
_POLL_S = 0.1


class Paying:
    """The test's hands on both sides. What is counted is counted from when this was made."""

    def __init__(self, house: House, provider: FakeProvider, offers: Path) -> None:
        """`offers` is the folder of the providers' files."""
        offers.mkdir(exist_ok=True)
        self.house = house
        self.provider = provider
        self._offers = offers
        self._ordered_before = len(provider.requests("create"))
        self._billed_before = len(provider.bills())

    def offer(self, shipped: str, **changes: Any) -> None:
        """Write a provider's file as it is shipped, but for the fake's address and `changes`."""
        data = yaml.safe_load((_SHIPPED / f"{shipped}.yaml").read_text(encoding="utf-8"))
        data |= {"base_url": self.provider.url, "allow_private": True} | changes
        if data.get("tasks"):
            data["tasks"]["interval_s"] = _POLL_S
        path = self._offers / f"{data['name']}.yaml"
        path.write_text(yaml.safe_dump(data), encoding="utf-8")

    def frame(self, prompt: str = PROMPT, *, provider: str = "openai", **fields: Any) -> JobId:
        """Submit a frame."""
        return self.house.submit_frame(prompt, provider=provider, **fields)

    def forget(self) -> None:
        """Count from now on; the provider is well, and nobody remembers that it was not."""
        self.provider.no_faults()
        if self.provider.program.process.poll() is not None:
            self.provider.restart()
        self.house.write("UPDATE providers SET failures = 0, rest_until = NULL, rest_reason = ''")
        self._ordered_before = len(self.provider.requests("create"))
        self._billed_before = len(self.provider.bills())

    def ordered(self) -> int:
        """Return how many orders were sent."""
        return len(self.provider.requests("create")) - self._ordered_before

    def bills(self) -> list[dict[str, Any]]:
        """Return what has to be paid."""
        return self.provider.bills()[self._billed_before :]

    def counts(self) -> tuple[int, int]:
        """Return how many orders were sent, and how many of them have to be paid."""
        return self.ordered(), len(self.bills())

    def held(self, job_id: JobId) -> int:
        """Wait until a request is held, and return the process whose step it is for."""
        self.provider.wait_for(held=1)
        return self.worker_of(job_id)

    def worker_of(self, job_id: JobId) -> int:
        """Wait until a step that draws is running, and return its worker's process."""
        query = "SELECT pid FROM steps WHERE job_id = :job AND state = 'RUNNING'"
        rows = until(lambda: self.house.rows(query, job=job_id), "a step is running")
        return int(rows[0]["pid"])

    def go_round(self) -> None:
        """Have a worker do something else: what was to be sent again would have gone out first."""
        self.house.completed(self.frame("something else", provider="sketch"))

    def problem(self, job_id: JobId) -> Problem:
        """Return why a job failed or waits."""
        problem = self.house.view(job_id).problem
        assert problem is not None
        return problem

    def unknown(self, job_id: JobId) -> JobView:
        """Wait for the end of a job whose only picture nobody knows of."""
        view = self.house.ended(job_id)
        assert view.state is JobState.PARTIAL, view.problem
        assert [step.state for step in view.steps] == [StepState.UNKNOWN]
        assert self.problem(job_id).code == "unknown_outcome"
        return view

    def waiting(self, job_id: JobId) -> JobView:
        """Wait until a job waits."""

        def found() -> JobView | None:
            view = self.house.view(job_id)
            return view if view.state is JobState.WAITING else None

        return until(found, f"{job_id} waits")

    def made(self, job_id: JobId) -> StepView:
        """Wait for a job of one picture, which must come, and return its step."""
        view = self.house.completed(job_id)
        step = view.steps[-1]
        assert step.picture is not None
        assert self.house.picture(step.picture).is_file()
        return step

    def backend(self, name: str) -> BackendView:
        """Return how a provider does."""
        with self.house.store.read() as connection:
            known = read_backends(connection, time.time())
        return next(one for one in known if one.facts.name == name)

    def calls(self, job_id: JobId) -> list[Mapping[str, Any]]:
        """Return what the book says of a job's requests, oldest first."""
        query = "SELECT * FROM calls WHERE job_id = :job ORDER BY started_at"
        return [dict(row) for row in self.house.rows(query, job=job_id)]

    def outcomes(self, job_id: JobId) -> list[str]:
        """Return how the attempts at a job's first frame have ended."""
        return self.house.outcomes(job_id, 1, "frame")

    def freeze_elsewhere(self, consumer: Consumer, job_id: JobId) -> None:
        """Stop a whole consumer, and have its step look like another machine's."""
        for process in consumer.all_processes():
            process.suspend()
        until(
            lambda: all(one.status() == psutil.STATUS_STOPPED for one in consumer.all_processes()),
            "all of it is stopped",
        )
        self.house.write(
            "UPDATE steps SET host = 'another machine' WHERE job_id = :job AND state = 'RUNNING'",
            job=job_id,
        )


def thaw(consumer: Consumer) -> None:
    """Wake a frozen consumer, workers first: its main process ends those that are stopped."""
    for process in reversed(consumer.all_processes()):
        process.send_signal(signal.SIGCONT)


def noise(width: int, height: int) -> bytes:
    """Return a picture that does not get small by itself."""
    file = BytesIO()
    Image.effect_noise((width, height), 90).convert("RGB").save(file, "WEBP", quality=95, method=0)
    return file.getvalue()
