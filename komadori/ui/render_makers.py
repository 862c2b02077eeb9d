"""Who has drawn: in a word for a picture, in a sentence for a job."""

from collections.abc import Sequence

from komadori.domain.making import Making
from komadori.domain.states import JobKind
from komadori.domain.view import JobView, PanelView, StepView
from komadori.ui.render_making import SKETCH
from komadori.ui.texts import Language, say


def maker_words(making: Making, language: Language) -> str:
    """Name who makes a picture, with the model."""
    if making.provider == SKETCH:
        return say(language, "maker_sketch")
    label = making.label or making.provider
    return f"{label} · {making.model}" if making.model else label


def makers_sentence(view: JobView, language: Language) -> str:
    """Say who has drawn a job's pictures, else who will; empty when nobody knows."""
    makings = [step.making for step in view.steps if step.kind.draws and step.making]
    names = list(dict.fromkeys(_short(making, language) for making in makings))
    if names == [say(language, "maker_sketch")] or (not names and view.provider == SKETCH):
        key = "made_sketches" if view.kind is JobKind.STORYBOARD else "made_sketch"
        return say(language, key)
    if names:
        return say(language, "made_by", who=listed(names, language))
    if not view.provider:
        return ""
    return say(language, "made_by" if view.state.is_final else "made_by_soon", who=view.provider)


def panel_maker(panel: PanelView, step: StepView | None) -> Making | None:
    """Return how the picture that a panel shows was made; of a later version nobody knows here."""
    if step is None or step.making is None or panel.picture is None:
        return None
    return step.making if step.picture == panel.picture else None


def comma(language: Language) -> str:
    """Return what stands between the members of a list."""
    return "、" if language == "zh" else ", "


def listed(names: Sequence[str], language: Language) -> str:
    """Put names into one phrase: "a, b and c"."""
    if len(names) < 2:
        return "".join(names)
    first = comma(language).join(names[:-1])
    return say(language, "list_last", first=first, last=names[-1])


def _short(making: Making, language: Language) -> str:
    if making.provider == SKETCH:
        return say(language, "maker_sketch")
    return making.label or making.provider
