"""Jobs, panels, pictures and providers as API callers see them: plain JSON.

The types are those that view_api() shows.
"""

from collections.abc import Sequence
from typing import Any, TypedDict

from komadori.domain.backends import Price
from komadori.domain.making import Making, ReferenceMade, Span
from komadori.domain.states import StepKind
from komadori.domain.view import BackendView, JobView, PanelView, StepView
from komadori.ui.plain_clips import PlainClip, PlainProblem, plain_problem


class PlainPrice(TypedDict):
    """A sum in units of a currency (ISO 4217)."""

    amount: float
    currency: str


class PlainSpan(TypedDict):
    """A timed part of an attempt, in seconds after its start. Parts may overlap."""

    stage: str
    start: float
    seconds: float


class PlainReference(TypedDict):
    """A reference picture as it was sent. `role`: scene, character or picture."""

    role: str
    name: str
    source_bytes: int
    sent_bytes: int
    width: int
    height: int
    seconds: float
    from_cache: bool


class PlainMaking(TypedDict):
    """How a picture is or was made: by whom and why, from what, and what it cost.

    `left_out`: whose references the provider could not take. `seed`: null where it takes none.
    `recovered`: the picture of an earlier attempt was found again, and nothing was sent.
    """

    provider: str
    label: str
    model: str
    why: str
    timeout_s: float | None
    timeout_reason: str
    references: list[PlainReference]
    left_out: list[str]
    seed: int | None
    cost: PlainPrice | None
    recovered: bool


class PlainStep(TypedDict):
    """One unit of work of a job. Times are seconds since 1970 (UTC).

    `spans` are the timed parts of its last attempt, `timings` their seconds by stage. A step that
    waits goes on by itself at `waits_until`; null: it does not wait, or waits for a person.
    """

    kind: str
    number: int
    state: str
    attempt: int
    progress: float
    message: str
    error: PlainProblem | None
    waits_until: float | None
    started_at: float | None
    ended_at: float | None
    timings: dict[str, float]
    spans: list[PlainSpan]
    making: PlainMaking | None


class PlainJob(TypedDict):
    """A job. `progress` is 0 to 1; `position` counts from 1 while the job is queued.

    `source` says who split the story, once it is split: "rules" or "llm". `provider` says who
    draws ("" while nobody knows), `cost` what has been paid so far, `cost_unknown` what requests
    that were sent and not answered may have cost beside that, `picked` which candidate was chosen,
    `clips` what a clip job has made.
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
    provider: str
    cost: list[PlainPrice]
    cost_unknown: list[PlainPrice]
    picked: int | None
    clips: list[PlainClip]


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
    provider: str
    redo: str | None
    picture: dict[str, Any] | None


class PlainPicture(TypedDict):
    """A picture of a frame job. `kind`: draft or frame; `picture` is a file, or null without one.

    `number` is what approve_draft and pick_candidate want.
    """

    kind: str
    number: int
    state: str
    error: PlainProblem | None
    is_picked: bool
    provider: str
    request: str
    seed: int | None
    picture: dict[str, Any] | None


class PlainProvider(TypedDict):
    """Somebody who draws. `is_auto`: "auto" would take it now; `reason`: why it is not ready.

    `price` is that of one picture, `typical_s` the median of the newest ones. Until `rests_until`
    nothing is sent to it, for `rest_reason`.
    """

    name: str
    label: str
    kind: str
    model: str
    is_ready: bool
    reason: str
    is_auto: bool
    max_references: int
    price: PlainPrice | None
    typical_s: float | None
    rests_until: float | None
    rest_reason: str


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
        error=plain_problem(job.problem),
        steps=[_plain_step(step) for step in job.steps],
        steps_total=job.steps_total,
        steps_done=job.steps_done,
        steps_failed=job.steps_failed,
        created_at=job.created_at,
        started_at=job.started_at,
        ended_at=job.ended_at,
        target=job.target,
        source=job.source,
        provider=job.provider,
        cost=[_plain_price(price) for price in job.cost],
        cost_unknown=[_plain_price(price) for price in job.cost_unknown],
        picked=job.picked,
        clips=[],
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
        error=plain_problem(panel.problem),
        version=panel.version,
        versions=panel.versions,
        provider=panel.provider,
        redo=panel.redo,
        picture=picture,
    )


def plain_picture(job: JobView, step: StepView, picture: dict[str, Any] | None) -> PlainPicture:
    """Return a step's picture as an API caller sees it, as a fetchable file."""
    return PlainPicture(
        kind=step.kind.value,
        number=step.number,
        state=step.state.value,
        error=plain_problem(step.problem),
        is_picked=step.kind is StepKind.FRAME and step.number == job.picked,
        provider=step.making.provider if step.making else "",
        request=step.wish,
        seed=step.making.seed if step.making else None,
        picture=picture,
    )


def plain_provider(backend: BackendView) -> PlainProvider:
    """Return an image backend as an API caller sees it."""
    facts = backend.facts
    return PlainProvider(
        name=facts.name,
        label=facts.label,
        kind=facts.kind,
        model=facts.model,
        is_ready=facts.is_ready,
        reason=facts.reason,
        is_auto=backend.is_auto,
        max_references=facts.max_references,
        price=_plain_price(facts.price) if facts.price else None,
        typical_s=backend.typical_s,
        rests_until=backend.rests_until,
        rest_reason=backend.rest_reason,
    )


def _plain_step(step: StepView) -> PlainStep:
    return PlainStep(
        kind=step.kind.value,
        number=step.number,
        state=step.state.value,
        attempt=step.attempt,
        progress=round(step.progress, 4),
        message=step.message,
        error=plain_problem(step.problem),
        waits_until=step.waits_until,
        started_at=step.started_at,
        ended_at=step.ended_at,
        timings=_totals(step.spans),
        spans=[_plain_span(span) for span in step.spans],
        making=_plain_making(step.making) if step.making else None,
    )


def _totals(spans: Sequence[Span]) -> dict[str, float]:
    totals: dict[str, float] = {}
    for span in spans:
        totals[span.stage] = round(totals.get(span.stage, 0.0) + span.seconds, 4)
    return totals


def _plain_span(span: Span) -> PlainSpan:
    return PlainSpan(stage=span.stage, start=span.start, seconds=span.seconds)


def _plain_price(price: Price) -> PlainPrice:
    return PlainPrice(amount=price.amount, currency=price.currency)


def _plain_making(making: Making) -> PlainMaking:
    return PlainMaking(
        provider=making.provider,
        label=making.label,
        model=making.model,
        why=making.why,
        timeout_s=making.timeout_s,
        timeout_reason=making.timeout_reason,
        references=[_plain_reference(one) for one in making.references],
        left_out=list(making.left_out),
        seed=making.seed,
        cost=_plain_price(making.cost) if making.cost else None,
        recovered=making.recovered,
    )


def _plain_reference(reference: ReferenceMade) -> PlainReference:
    return PlainReference(
        role=reference.role,
        name=reference.name,
        source_bytes=reference.source_bytes,
        sent_bytes=reference.sent_bytes,
        width=reference.width,
        height=reference.height,
        seconds=reference.seconds,
        from_cache=reference.from_cache,
    )
