"""The film strip of a job's steps, large on its stage and small in lists."""

from dataclasses import dataclass

from komadori.domain.ids import ArtifactId
from komadori.domain.states import JobKind, JobState, StepKind, StepState
from komadori.domain.view import Frame, JobView
from komadori.ui.render import clock_tag, esc, next_to_go_on, panel_count, sentence, step_of
from komadori.ui.render_acts import preview
from komadori.ui.render_names import SHAPES, state_word, step_name
from komadori.ui.render_waits import away_words, waits_for_server
from komadori.ui.texts import Language, say

_MANY = 15
"""More frames than this are too narrow for pictures on a phone."""
_CROWD = 30
"""More frames than this are too narrow for pictures anywhere."""
_IN_LISTS = 12
"""As many frames fit into a row of a list."""
# Of the frames that do not fit, the worst is told.
_PRESSING = (StepState.FAILED, StepState.UNKNOWN, StepState.RUNNING, StepState.WAITING)


_WITHOUT_STORY = frozenset({JobKind.FRAME, JobKind.CLIP})


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One cell of the strip."""

    name: str
    state: StepState
    progress: float = 0.0
    picture: ArtifactId | None = None
    preview: str = ""
    """The picture of what is there so far, drawn."""
    is_text: bool = False


def cells(view: JobView, language: Language) -> list[Cell]:
    """Return the strip's cells: the splitting of the story, then one for each panel.

    First frames and clips have no story: what is made of them is the strip.
    """
    if view.kind in _WITHOUT_STORY:
        return [_frame_cell(view, frame, language) for frame in view.frames]
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
        f'<p class="sentence" role="status" aria-live="polite">{_told(view, language)}</p>'
    )


def _told(view: JobView, language: Language) -> str:
    """Return the sentence, with the time at which a waiting job goes on."""
    step = next_to_go_on(view)
    if step is not None and waits_for_server(step.problem):
        return _told_away(view, language)
    text = esc(sentence(view, language))
    if step is None or step.waits_until is None:
        return text
    return say(language, "say_goes_on", sentence=text, time=clock_tag(step.waits_until))


def _told_away(view: JobView, language: Language) -> str:
    """Return which server is waited for. It goes on when that is there, whatever the clock says."""
    words = away_words(view.servers, view.provider, language, clock=clock_tag, safe=esc)
    link = f'<a href="#health" data-room="health">{esc(say(language, "health_link"))}</a>'
    return f"{words} {link}"


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
    """Count a job's panels or pictures, and those that are drawn unless all are."""
    count = len(view.frames)
    done = sum(frame.picture is not None for frame in view.frames)
    if not count:
        return ""
    if view.kind is JobKind.FRAME:
        key = "jobs_pictures" if done == count else "jobs_pictures_part"
    elif view.kind is JobKind.CLIP:
        key = "jobs_clips" if done == count else "jobs_clips_part"
    else:
        key = "jobs_panels" if done == count else "jobs_panels_part"
    return say(language, key, count=count, done=done)


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
            preview=preview(steps[panel.number]) if panel.number in steps else "",
        )
        for panel in view.panels
    ]


def _frame_cell(view: JobView, frame: Frame, language: Language) -> Cell:
    step = step_of(view, frame.kind, frame.number)
    return Cell(
        name=step_name(frame.kind, frame.number, language),
        state=frame.state,
        progress=step.progress if step else 0.0,
        picture=frame.picture,
        preview=preview(step) if step else "",
    )


def _cell(cell: Cell, language: Language) -> str:
    title = f"{cell.name}: {state_word(cell.state, language)}"
    inner = f'<b aria-hidden="true">{SHAPES[cell.state]}</b>'
    if cell.picture is not None:
        inner = f'<img src="/files/{esc(cell.picture)}/thumb" alt="" decoding="async">'
    elif cell.preview:
        inner = cell.preview
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
