"""Rows to what a follower sees: folded once, then only what has changed is read."""

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any

from sqlalchemy import Connection, RowMapping, select

from komadori.domain.backends import Price, total_price
from komadori.domain.ids import ArtifactId, JobId
from komadori.domain.making import Making, Span
from komadori.domain.servers import ServerReport
from komadori.domain.states import FINAL_JOB_STATES, JobKind, JobState, Stage, StepKind, StepState
from komadori.domain.story import Panel
from komadori.domain.view import ClipFacts, Frame, JobView, PanelView, Problem, StepView
from komadori.domain.work import panel_slot, slot_of
from komadori.queue import schema
from komadori.queue.calls import unanswered_cost
from komadori.queue.forecast import Forecast
from komadori.queue.server_waits import AWAY, concerned, read_reports

_FINAL = tuple(state.value for state in FINAL_JOB_STATES)


class JobFold:
    """One job, folded from its rows. `refresh` reads only what came since the last time."""

    def __init__(self, job_id: JobId) -> None:
        self.job_id = job_id
        self.job: RowMapping | None = None
        self._sequence = -1
        self._steps: dict[str, RowMapping] = {}
        self._artifacts: dict[str, RowMapping] = {}
        self._panels: dict[str, Panel] = {}
        self._redos: dict[int, JobId] = {}
        self._cost_unknown: tuple[Price, ...] = ()
        self._servers: tuple[ServerReport, ...] = ()

    def refresh(self, connection: Connection) -> bool:
        """Read what has changed; False: there is no such job."""
        query = select(schema.jobs).where(schema.jobs.c.id == self.job_id)
        job = connection.execute(query).mappings().one_or_none()
        if job is None:
            return False
        for table, kept in ((schema.steps, self._steps), (schema.artifacts, self._artifacts)):
            newer = select(table).where(table.c.job_id == self.job_id, table.c.seq > self._sequence)
            kept.update({row["id"]: row for row in connection.execute(newer).mappings()})
        self._cost_unknown = unanswered_cost(connection, self.job_id)
        if job["kind"] == JobKind.STORYBOARD:
            self._redos = _open_redos(connection, self.job_id)
        is_waiting = any(row["error_code"] == AWAY for row in self._steps.values())
        reports = read_reports(connection) if is_waiting else ()
        self._servers = tuple(concerned(job["provider"], reports))
        self.job = job
        self._sequence = job["seq"]
        return True

    def view(self, forecast: Forecast) -> JobView:
        """Return the job as it stands."""
        job = self.job
        if job is None:
            raise LookupError(self.job_id)
        steps = sorted(self._steps.values(), key=lambda row: (row["created_at"], row["number"]))
        kept, current = self._versions()
        pictures = {slot: row["id"] for slot, row in current.items()}
        making = {row["id"]: _making(row) for row in steps}
        return _job_view(
            job,
            frames=tuple(
                frame_of(row, pictures.get(slot_of(StepKind(row["kind"]), row["number"])))
                for row in steps
                if StepKind(row["kind"]).draws
            ),
            steps=tuple(_step_view(row, making[row["id"]]) for row in steps),
            cost=total_price(made.cost for made in making.values() if made),
            cost_unknown=self._cost_unknown,
            picked=_picked(job, steps),
            panels=tuple(
                self._panel_view(row, kept, current) for row in steps if _draws_panel(job, row)
            ),
            request=job["request"],
            done=_done(steps),
            planned=max(len(steps), job["steps_planned"]),
            forecast=forecast,
            servers=self._servers,
        )

    def _versions(self) -> tuple[Counter[str], dict[str, RowMapping]]:
        """Count the versions in each slot, and find the current one."""
        rows = self._artifacts.values()
        current = {row["slot"]: row for row in rows if row["is_current"]}
        return Counter(row["slot"] for row in rows), current

    def _panel_view(
        self, step: RowMapping, kept: Counter[str], current_of: Mapping[str, RowMapping]
    ) -> PanelView:
        panel = self._panels.get(step["id"])
        if panel is None:
            panel = Panel.model_validate(step["payload"]["panel"])
            self._panels[step["id"]] = panel
        slot = panel_slot(panel.number)
        current = current_of.get(slot)
        return PanelView(
            number=panel.number,
            scene=panel.scene,
            text=panel.text,
            shot=panel.shot,
            characters=panel.characters,
            dialogue=panel.dialogue,
            state=StepState(step["state"]),
            problem=_problem(step),
            picture=current["id"] if current else None,
            version=current["version"] if current else 0,
            versions=kept[slot],
            provider=current["about"].get("provider", "") if current else "",
            redo=self._redos.get(panel.number),
        )


def summary(job: RowMapping, frames: tuple[Frame, ...], forecast: Forecast) -> JobView:
    """Return a job as lists show it: without steps, panels and request."""
    return _job_view(
        job,
        frames=frames,
        steps=(),
        panels=(),
        cost=(),
        cost_unknown=(),
        picked=job["picked"],
        request={},
        done=job["steps_done"],
        planned=max(job["steps_total"], job["steps_planned"]),
        forecast=forecast,
    )


def _job_view(
    job: RowMapping,
    *,
    frames: tuple[Frame, ...],
    steps: tuple[StepView, ...],
    panels: tuple[PanelView, ...],
    cost: tuple[Price, ...],
    cost_unknown: tuple[Price, ...],
    picked: int | None,
    request: Mapping[str, Any],
    done: float,
    planned: int,
    forecast: Forecast,
    servers: tuple[ServerReport, ...] = (),
) -> JobView:
    """`planned`: the steps that will be. Before the scenes are known a storyboard has one step,
    and would otherwise jump to 100 %."""
    state = JobState(job["state"])
    progress = round(done / planned, 4)
    return JobView(
        id=job["id"],
        kind=JobKind(job["kind"]),
        state=state,
        stage=Stage(job["stage"]) if job["stage"] else None,
        title=job["title"],
        progress=1.0 if state is JobState.COMPLETED else progress,
        position=forecast.position(job),
        eta_s=forecast.eta_s(job, progress, planned),
        problem=_problem(job),
        steps_total=job["steps_total"],
        steps_done=job["steps_done"],
        steps_failed=job["steps_failed"],
        created_at=job["created_at"],
        started_at=job["started_at"],
        ended_at=job["ended_at"],
        deleted=job["deleted_at"] is not None,
        target=job["target"],
        request=request,
        provider=job["provider"],
        cost=cost,
        cost_unknown=cost_unknown,
        picked=picked,
        source=job["source"],
        frames=frames,
        steps=steps,
        panels=panels,
        servers=servers,
        sequence=job["seq"],
    )


def frame_of(step: RowMapping, current: ArtifactId | None) -> Frame:
    """Return a step's number, state and picture: the current one, else what it has drawn."""
    return Frame(
        kind=StepKind(step["kind"]),
        number=step["number"],
        state=StepState(step["state"]),
        picture=current or _drawn(step),
        waits_until=_waits_until(step),
    )


def _waits_until(step: RowMapping) -> float | None:
    until: float | None = step["not_before"]
    return until if step["state"] == StepState.WAITING else None


def _drawn(step: RowMapping) -> ArtifactId | None:
    picture: ArtifactId | None = (step["result"] or {}).get("picture")
    return picture


def _step_view(row: RowMapping, making: Making | None) -> StepView:
    return StepView(
        id=row["id"],
        kind=StepKind(row["kind"]),
        number=row["number"],
        state=StepState(row["state"]),
        attempt=row["attempt"],
        progress=row["progress"],
        message=row["message"],
        problem=_problem(row),
        waits_until=_waits_until(row),
        wish=row["payload"].get("modification", ""),
        started_at=row["started_at"],
        ended_at=row["ended_at"],
        spans=spans_of(row["timings"]),
        making=making,
        picture=_drawn(row),
        preview=row["preview"],
        clip=_clip(row),
    )


def _clip(row: RowMapping) -> ClipFacts | None:
    facts = (row["result"] or {}).get("clip")
    return ClipFacts(**facts) if facts else None


def spans_of(timings: Any) -> tuple[Span, ...]:
    """Return the timed parts of an attempt. Older rows have seconds by stage, one after another."""
    if not isinstance(timings, Mapping):
        return tuple(Span.model_validate(span) for span in timings or ())
    starts = accumulate(timings.values(), initial=0.0)
    return tuple(
        Span(stage=stage, start=start, seconds=seconds)
        for (stage, seconds), start in zip(timings.items(), starts, strict=False)
    )


def _making(row: RowMapping) -> Making | None:
    return Making.model_validate(row["making"]) if row["making"] else None


def _picked(job: RowMapping, steps: Sequence[RowMapping]) -> int | None:
    """Return the candidate that was chosen; where there is but one picture, it is that one."""
    made: list[int] = [
        row["number"]
        for row in steps
        if row["kind"] == StepKind.FRAME and row["state"] == StepState.COMPLETED
    ]
    picked: int | None = job["picked"]
    return made[0] if picked is None and len(made) == 1 else picked


def _problem(row: RowMapping) -> Problem | None:
    return (
        Problem(code=row["error_code"], message=row["error"] or "") if row["error_code"] else None
    )


def _draws_panel(job: RowMapping, step: RowMapping) -> bool:
    return bool(job["kind"] == JobKind.STORYBOARD and step["kind"] == StepKind.PANEL)


def _done(steps: Sequence[RowMapping]) -> float:
    """Count finished steps, and the parts of running ones."""
    return sum(
        1.0 if row["state"] == StepState.COMPLETED else row["progress"]
        for row in steps
        if row["state"] in (StepState.COMPLETED, StepState.RUNNING)
    )


def _open_redos(connection: Connection, job_id: JobId) -> dict[int, JobId]:
    jobs = schema.jobs
    query = (
        select(jobs.c.id, jobs.c.request)
        .where(jobs.c.target == job_id, jobs.c.state.not_in(_FINAL))
        .order_by(jobs.c.created_at)
    )
    return {row.request["panel"]: row.id for row in connection.execute(query)}
