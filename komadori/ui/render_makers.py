"""Who has drawn: in a word for a picture, in a sentence for a job."""

from collections.abc import Mapping, Sequence

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


def labels_of(view: JobView) -> Mapping[str, str]:
    """Return what those are called who have drawn for a job, by their names."""
    makings = [step.making for step in view.steps if step.making]
    return {making.provider: making.label for making in makings if making.label}


def provider_words(name: str, labels: Mapping[str, str], language: Language) -> str:
    """Name a backend of which only its name is known, and perhaps what it is called."""
    return say(language, "maker_sketch") if name == SKETCH else labels.get(name, name)


def makers_sentence(view: JobView, language: Language) -> str:
    """Say who has drawn a job's pictures, else who will; empty when nobody knows."""
    drawn = [step.making.provider for step in view.steps if step.kind.draws and step.making]
    drawn += [panel.provider for panel in view.panels if panel.provider]
    labels = labels_of(view)
    names = list(dict.fromkeys(provider_words(name, labels, language) for name in drawn))
    if names == [say(language, "maker_sketch")] or (not names and view.provider == SKETCH):
        key = "made_sketches" if view.kind is JobKind.STORYBOARD else "made_sketch"
        return say(language, key)
    if names:
        return say(language, "made_by", who=listed(names, language))
    if not view.provider:
        return ""
    return say(language, "made_by" if view.state.is_final else "made_by_soon", who=view.provider)


def panel_maker(
    panel: PanelView, step: StepView | None, labels: Mapping[str, str], language: Language
) -> str:
    """Name who drew the picture that a panel shows. The model is known only of its first version:
    a later one was drawn by a job of its own.
    """
    if panel.picture is None:
        return ""
    if step is not None and step.making is not None and step.picture == panel.picture:
        return maker_words(step.making, language)
    return provider_words(panel.provider, labels, language)


def comma(language: Language) -> str:
    """Return what stands between the members of a list."""
    return "、" if language == "zh" else ", "


def listed(names: Sequence[str], language: Language) -> str:
    """Put names into one phrase: "a, b and c"."""
    if len(names) < 2:
        return "".join(names)
    first = comma(language).join(names[:-1])
    return say(language, "list_last", first=first, last=names[-1])
