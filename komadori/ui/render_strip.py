"""The film strip of a job's steps, the waterfall of their timings, and the log."""

from collections.abc import Sequence
from dataclasses import dataclass

from komadori.domain.ids import ArtifactId
from komadori.domain.states import JobState, StepKind, StepState
from komadori.domain.view import Frame, JobView, LogEntry, StepView
from komadori.ui.render import duration_words, esc, panel_count, sentence, step_of, time_tag
from komadori.ui.texts import Language, has, say, say_or

# Each state has a shape of its own: colour alone would not do.
SHAPES: dict[StepState, str] = {
    StepState.QUEUED: "",
    StepState.RUNNING: "●",
    StepState.WAITING: "…",
    StepState.COMPLETED: "✓",
    StepState.FAILED: "✕",
    StepState.CANCELLED: "–",
    StepState.UNKNOWN: "?",
}

JOB_SHAPES: dict[JobState, str] = {
    JobState.QUEUED: "○",
    JobState.RUNNING: "●",
    JobState.WAITING: "…",
    JobState.CANCELLING: "◌",
    JobState.COMPLETED: "✓",
    JobState.PARTIAL: "◐",
    JobState.FAILED: "✕",
    JobState.CANCELLED: "–",
}

_MANY = 15
"""More frames than this are too narrow for pictures on a phone."""
_CROWD = 30
"""More frames than this are too narrow for pictures anywhere."""
_IN_LISTS = 12
"""As many frames fit into a row of a list."""
# Of the frames that do not fit, the worst is told.
_PRESSING = (StepState.FAILED, StepState.UNKNOWN, StepState.RUNNING, StepState.WAITING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One cell of the strip."""

    name: str
    state: StepState
    progress: float = 0.0
    picture: ArtifactId | None = None
    is_text: bool = False


def state_word(state: StepState, language: Language) -> str:
    """Name a step's state; what is queued is still to come."""
    key = "step_state_QUEUED" if state is StepState.QUEUED else f"state_{state.value}"
    return say(language, key)


def step_name(kind: StepKind, number: int, language: Language) -> str:
    """Name a step as the strip, the waterfall and the log do."""
    return say(language, f"step_{kind.value}", number=number)


def cells(view: JobView, language: Language) -> list[Cell]:
    """Return the strip's cells: the splitting of the story, then one for each panel."""
    scenes = step_of(view, StepKind.SCENES, 1) or step_of(view, StepKind.SCENES, 0)
    first = Cell(
        name=step_name(StepKind.SCENES, 0, language),
        state=scenes.state if scenes else StepState.QUEUED,
        progress=scenes.progress if scenes else 0.0,
        is_text=True,
    )
    return [first, *_panel_cells(view, language)]


def strip(view: JobView, language: Language) -> str:
    """Draw the strip with its sentence beside it."""
    all_cells = cells(view, language)
    drawn = "".join(_cell(cell, language) for cell in all_cells)
    label = esc(say(language, "strip_label"))
    return (
        f'<ol class="strip{_density(len(all_cells))}" aria-label="{label}">{drawn}</ol>'
        f'<p class="sentence" role="status" aria-live="polite">{esc(sentence(view, language))}</p>'
    )


def mini_strip(view: JobView, language: Language) -> str:
    """Draw a job's frames small and without their names, for lists; the last stands for the rest.

    Before its scenes are known a storyboard has one frame only, that of its story.
    """
    shown, rest = view.frames, view.frames[:0]
    if len(shown) > _IN_LISTS:
        shown, rest = view.frames[: _IN_LISTS - 1], view.frames[_IN_LISTS - 1 :]
    drawn = "".join(_mini_cell(frame) for frame in shown)
    if rest:
        states = {frame.state for frame in rest}
        state = next((one for one in _PRESSING if one in states), rest[-1].state)
        drawn += f'<i class="frame is-{state.value.lower()} is-rest">+{len(rest)}</i>'
    if not view.frames:
        drawn = f'<i class="frame is-{_first_state(view)}"><b>¶</b></i>'
    label = frames_words(view, language) or say(language, "step_scenes")
    return f'<span class="ministrip" role="img" aria-label="{esc(label)}">{drawn}</span>'


def frames_words(view: JobView, language: Language) -> str:
    """Count a job's panels, and those that are drawn unless all are."""
    count = len(view.frames)
    done = sum(frame.picture is not None for frame in view.frames)
    if not count:
        return ""
    key = "jobs_panels" if done == count else "jobs_panels_part"
    return say(language, key, count=count, done=done)


def job_state(state: JobState, word: str) -> str:
    """Draw a job's state: its shape and a word for it."""
    return (
        f'<span class="state is-{state.value.lower()}">'
        f'<i aria-hidden="true">{JOB_SHAPES[state]}</i> {esc(word)}</span>'
    )


def _density(count: int) -> str:
    return " is-crowd" if count > _CROWD else " is-many" if count > _MANY else ""


def _mini_cell(frame: Frame) -> str:
    inner = f"<b>{SHAPES[frame.state]}</b>"
    if frame.picture is not None:
        source = f"/files/{esc(frame.picture)}/thumb"
        inner = f'<img src="{source}" alt="" loading="lazy" decoding="async">'
    return f'<i class="frame is-{frame.state.value.lower()}">{inner}</i>'


def _first_state(view: JobView) -> str:
    if view.state is JobState.QUEUED and view.started_at is None:
        return "queued"
    return "running" if view.state is JobState.CANCELLING else view.state.value.lower()


def waterfall(view: JobView, language: Language) -> str:
    """Draw when each step ran and what its time went into."""
    timed = [step for step in view.steps if step.started_at is not None]
    if not timed:
        return f'<p class="quiet">{esc(say(language, "timings_empty"))}</p>'
    start = min(step.started_at or 0.0 for step in timed)
    span = max(max(_last_moment(step) for step in timed) - start, 0.001)
    rows = "".join(_bar(step, start, span, language) for step in timed)
    return f'<ol class="waterfall">{rows}</ol>'


def log_lines(entries: Sequence[LogEntry], language: Language) -> str:
    """Write a job's log, oldest first."""
    if not entries:
        return f'<p class="quiet">{esc(say(language, "log_empty"))}</p>'
    lines = "".join(
        f"<li>{time_tag(entry.at, '')}<span>{esc(_log_words(entry, language))}</span></li>"
        for entry in entries
    )
    return f'<ol class="log">{lines}</ol>'


def _panel_cells(view: JobView, language: Language) -> list[Cell]:
    if not view.panels:
        total = panel_count(view)[2]
        return [
            Cell(name=step_name(StepKind.PANEL, number, language), state=StepState.QUEUED)
            for number in range(1, total + 1)
        ]
    steps = {step.number: step for step in view.steps if step.kind is StepKind.PANEL}
    return [
        Cell(
            name=step_name(StepKind.PANEL, panel.number, language),
            state=StepState.RUNNING if panel.redo else panel.state,
            progress=steps[panel.number].progress if panel.number in steps else 0.0,
            picture=panel.picture,
        )
        for panel in view.panels
    ]


def _cell(cell: Cell, language: Language) -> str:
    title = f"{cell.name}: {state_word(cell.state, language)}"
    inner = f'<b aria-hidden="true">{SHAPES[cell.state]}</b>'
    if cell.picture is not None:
        inner = f'<img src="/files/{esc(cell.picture)}/thumb" alt="" decoding="async">'
    elif cell.is_text:
        inner = '<b aria-hidden="true">¶</b>'
    line = ""
    if cell.state is StepState.RUNNING:
        line = f'<u style="--done:{min(max(cell.progress, 0.0), 1.0):.2f}"></u>'
    kind = cell.state.value.lower()
    return (
        f'<li class="frame is-{kind}" title="{esc(title)}">'
        f'{inner}{line}<span class="unseen">{esc(title)}</span></li>'
    )


def _last_moment(step: StepView) -> float:
    start = step.started_at or 0.0
    return step.ended_at or start + sum(step.timings.values())


def _bar(step: StepView, start: float, span: float, language: Language) -> str:
    began = step.started_at or start
    took = max(_last_moment(step) - began, 0.0)
    name = step_name(step.kind, step.number, language)
    pieces = "".join(
        f'<i style="flex-grow:{seconds:.4f}" title="{esc(_piece(stage, seconds, language))}"></i>'
        for stage, seconds in step.timings.items()
    )
    time = duration_words(took, language)
    return (
        f'<li class="is-{step.state.value.lower()}"><span>{esc(name)}</span>'
        f'<span class="track"><span class="bar" style="margin-left:{(began - start) / span:.2%};'
        f'width:{took / span:.2%}">{pieces or "<i></i>"}</span></span><span>{esc(time)}</span></li>'
    )


def _piece(stage: str, seconds: float, language: Language) -> str:
    return say(language, "timings_row", what=stage, time=duration_words(seconds, language))


def _log_words(entry: LogEntry, language: Language) -> str:
    facts = dict(entry.facts)
    if facts.get("step") in set(StepKind):
        facts["step"] = step_name(StepKind(facts["step"]), facts.get("number", 0), language)
    if isinstance(facts.get("seconds"), (int, float)):
        facts["time"] = duration_words(facts["seconds"], language)
    if has(f"state_{facts.get('state')}"):
        facts["state"] = say(language, f"state_{facts['state']}")
    rest = ", ".join(f"{name} {fact}" for name, fact in facts.items())
    plain = entry.kind.replace("_", " ") + (f": {rest}" if rest else "")
    return say_or(language, f"log_{entry.kind}", facts, plain)
