"""Clips and workflows as API callers see them: plain JSON, by the types that view_api() shows."""

from typing import Any, TypedDict

from komadori.domain.view import BackendView, Problem, StepView
from komadori.domain.workflows import Field, WorkflowFacts


class PlainProblem(TypedDict):
    """Why something failed or waits."""

    code: str
    message: str


class PlainClip(TypedDict):
    """A clip that is made. `url` is where it can be fetched for a day, from this server.

    `number` is that of the panel or picture that it begins with. Sizes are in pixels.
    """

    number: int
    url: str
    media_type: str
    seconds: float
    frames: int
    width: int
    height: int


class PlainClipFile(TypedDict):
    """A clip of a clip job, made or not; `clip` is a file, or null without one."""

    number: int
    state: str
    error: PlainProblem | None
    provider: str
    prompt: str
    seed: int | None
    media_type: str
    seconds: float
    frames: int
    clip: dict[str, Any] | None


class PlainOption(TypedDict):
    """One thing that may be chosen of a workflow; `kind`: choice, integer, number, switch or text.

    `default` is what the workflow has of its own.
    """

    name: str
    label: str
    kind: str
    choices: list[Any]
    minimum: float | None
    maximum: float | None
    step: float | None
    default: Any


class PlainWorkflow(TypedDict):
    """A ComfyUI workflow. `makes`: picture or clip; `provider` is its name for create_frame.

    `reason`: why it is not ready. `waits`: why a job would have to wait now; "" when a server is
    there. `servers`: those that can run it. Where lengths are null it has one of its own, `frames`.
    """

    name: str
    provider: str
    label: str
    makes: str
    model: str
    note: str
    is_ready: bool
    reason: str
    waits: str
    servers: list[str]
    options: list[PlainOption]
    takes_prompt: bool
    takes_seed: bool
    takes_fps: bool
    fps: float | None
    frames: int | None
    min_frames: int | None
    max_frames: int | None
    max_references: int
    typical_s: float | None


def plain_clip(step: StepView, file: dict[str, Any] | None) -> PlainClip:
    """Return a clip as an API caller sees it, with the address of its file."""
    facts = step.clip
    return PlainClip(
        number=step.number,
        url=str(file["url"]) if file else "",
        media_type=facts.media_type if facts else "",
        seconds=facts.seconds if facts else 0.0,
        frames=facts.frames if facts else 0,
        width=facts.width if facts else 0,
        height=facts.height if facts else 0,
    )


def plain_clip_file(step: StepView, prompt: str, file: dict[str, Any] | None) -> PlainClipFile:
    """Return a clip as an API caller sees it, as a fetchable file."""
    facts = plain_clip(step, file)
    return PlainClipFile(
        number=step.number,
        state=step.state.value,
        error=plain_problem(step.problem),
        provider=step.making.provider if step.making else "",
        prompt=prompt,
        seed=step.making.seed if step.making else None,
        media_type=facts["media_type"],
        seconds=facts["seconds"],
        frames=facts["frames"],
        clip=file,
    )


def plain_workflow(backend: BackendView, workflow: WorkflowFacts) -> PlainWorkflow:
    """Return a ComfyUI workflow as an API caller sees it."""
    facts = backend.facts
    return PlainWorkflow(
        name=workflow.name,
        provider=facts.name,
        label=workflow.label.en,
        makes=facts.makes,
        model=workflow.model,
        note=workflow.note.en,
        is_ready=facts.is_ready,
        reason=facts.reason,
        waits=backend.absence,
        servers=list(backend.servers),
        options=[_plain_option(field) for field in backend.fields],
        takes_prompt=workflow.takes_prompt,
        takes_seed=workflow.takes_seed,
        takes_fps=workflow.takes_fps,
        fps=workflow.fps,
        frames=workflow.frames,
        min_frames=workflow.min_frames,
        max_frames=workflow.max_frames,
        max_references=workflow.max_references,
        typical_s=backend.typical_s,
    )


def _plain_option(field: Field) -> PlainOption:
    return PlainOption(
        name=field.name,
        label=field.label.en,
        kind=field.kind,
        choices=list(field.choices),
        minimum=field.minimum,
        maximum=field.maximum,
        step=field.step,
        default=field.default,
    )


def plain_problem(problem: Problem | None) -> PlainProblem | None:
    return PlainProblem(code=problem.code, message=problem.message) if problem else None
