"""Jobs and panels as API callers see them: plain JSON, with the types that view_api() shows."""

from typing import Any, TypedDict

from komadori.domain.view import JobView, PanelView, Problem, StepView


class PlainProblem(TypedDict):
    """Why something failed or waits."""

    code: str
    message: str


class PlainStep(TypedDict):
    """One unit of work of a job. Times are seconds since 1970 (UTC)."""

    kind: str
    number: int
    state: str
    attempt: int
    progress: float
    message: str
    error: PlainProblem | None
    started_at: float | None
    ended_at: float | None
    timings: dict[str, float]


class PlainJob(TypedDict):
    """A job. `progress` is 0 to 1; `position` counts from 1 while the job is queued.

    `source` says who split the story, once it is split: "rules" or "llm".
    """

    id: str
    kind: str
    state: str
    is_final: bool
    stage: str | None
    title: str
    progress: float
    position: int | None
    eta_s: float | None
    error: PlainProblem | None
    steps: list[PlainStep]
    steps_total: int
    steps_done: int
    steps_failed: int
    created_at: float
    started_at: float | None
    ended_at: float | None
    target: str | None
    source: str | None


class PlainJobs(TypedDict):
    """A part of a session's list of jobs; `total` counts them all. The jobs carry no steps."""

    jobs: list[PlainJob]
    total: int
    limit: int
    offset: int


class PlainLine(TypedDict):
    """One thing said in a panel."""

    text: str
    speaker: str | None
    listener: str | None


class PlainPanel(TypedDict):
    """A panel. `picture` is a file, or null while there is none."""

    number: int
    scene: int
    setting: str
    time_of_day: str
    weather: str
    text: str
    shot: str
    characters: list[str]
    dialogue: list[PlainLine]
    state: str
    error: PlainProblem | None
    version: int
    versions: int
    redo: str | None
    picture: dict[str, Any] | None


def plain_job(job: JobView) -> PlainJob:
    """Return a job as an API caller sees it."""
    return PlainJob(
        id=job.id,
        kind=job.kind.value,
        state=job.state.value,
        is_final=job.state.is_final,
        stage=job.stage.value if job.stage else None,
        title=job.title,
        progress=round(job.progress, 4),
        position=job.position,
        eta_s=job.eta_s,
        error=_plain_problem(job.problem),
        steps=[_plain_step(step) for step in job.steps],
        steps_total=job.steps_total,
        steps_done=job.steps_done,
        steps_failed=job.steps_failed,
        created_at=job.created_at,
        started_at=job.started_at,
        ended_at=job.ended_at,
        target=job.target,
        source=job.source,
    )


def plain_panel(panel: PanelView, picture: dict[str, Any] | None) -> PlainPanel:
    """Return a panel as an API caller sees it, with its picture as a fetchable file."""
    return PlainPanel(
        number=panel.number,
        scene=panel.scene.number,
        setting=panel.scene.setting.value,
        time_of_day=panel.scene.time_of_day.value,
        weather=panel.scene.weather.value,
        text=panel.text,
        shot=panel.shot.value,
        characters=list(panel.characters),
        dialogue=[
            PlainLine(text=line.text, speaker=line.speaker, listener=line.listener)
            for line in panel.dialogue
        ],
        state=panel.state.value,
        error=_plain_problem(panel.problem),
        version=panel.version,
        versions=panel.versions,
        redo=panel.redo,
        picture=picture,
    )


def _plain_step(step: StepView) -> PlainStep:
    return PlainStep(
        kind=step.kind.value,
        number=step.number,
        state=step.state.value,
        attempt=step.attempt,
        progress=round(step.progress, 4),
        message=step.message,
        error=_plain_problem(step.problem),
        started_at=step.started_at,
        ended_at=step.ended_at,
        timings=dict(step.timings),
    )


def _plain_problem(problem: Problem | None) -> PlainProblem | None:
    return PlainProblem(code=problem.code, message=problem.message) if problem else None
