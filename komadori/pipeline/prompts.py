"""A drawing in words, for those who draw from words."""

from collections.abc import Iterator, Sequence

from komadori.backends.images.protocol import Reference, ReferenceRole
from komadori.domain.story import Character, Drawing, Scene, Shot, Style, TimeOfDay, Weather

_SHOTS = {
    Shot.WIDE: "Wide shot",
    Shot.MEDIUM: "Medium shot",
    Shot.CLOSE_UP: "Close-up",
    Shot.OVER_THE_SHOULDER: "Over-the-shoulder shot",
}
_LIGHTS = {TimeOfDay.DAY: "by day", TimeOfDay.DUSK: "at dusk", TimeOfDay.NIGHT: "at night"}
_WEATHERS = {Weather.CLEAR: "", Weather.RAIN: "in the rain", Weather.SNOW: "in the snow"}
_STYLES = {
    "art_style": "Art style",
    "mood": "Mood",
    "color_palette": "Colours",
    "character_style": "Figures",
    "line_style": "Lines",
    "composition": "Composition",
    "additional_notes": "Also",
}


def prompt_of(drawing: Drawing, references: Sequence[Reference]) -> str:
    """Return what is to be drawn; it speaks of the references in their order.

    What a person wrote to be drawn stays word for word, followed by what is known of those in
    the shot; a panel is told by its scene, its people and its style. Lettering comes later, so
    none is drawn.
    """
    told = list(_frame(drawing) if drawing.prompt else _panel(drawing))
    told += _wishes(drawing)
    told += [_naming(number, one) for number, one in enumerate(references, start=1)]
    return "\n".join(told)


def _frame(drawing: Drawing) -> Iterator[str]:
    yield drawing.prompt
    yield from (_person(one) for one in drawing.cast if one.description)


def _panel(drawing: Drawing) -> Iterator[str]:
    panel = drawing.panel
    yield (
        "One manga panel: a single picture without borders, speech balloons, captions or any text."
    )
    yield f"{_SHOTS[panel.shot]} {_place(panel.scene)}. {panel.text}"
    yield from (_person(one) for one in drawing.cast)
    yield from _style(drawing.style)


def _place(scene: Scene) -> str:
    where = scene.title or scene.setting.value
    return " ".join(
        part
        for part in (f"({where})", _LIGHTS[scene.time_of_day], _WEATHERS[scene.weather])
        if part
    )


def _person(one: Character) -> str:
    return f"{one.name}: {one.description}" if one.description else f"{one.name} is there."


def _style(style: Style) -> Iterator[str]:
    for field, name in _STYLES.items():
        if words := getattr(style, field):
            yield f"{name}: {words}"


def _wishes(drawing: Drawing) -> list[str]:
    return [f"Above all: {drawing.modification}"] if drawing.modification else []


def _naming(number: int, reference: Reference) -> str:
    if reference.role is ReferenceRole.SCENE:
        return f"Image {number} is the place: keep its layout, light and style."
    return f"Image {number} is {reference.name}: keep face, hair, clothes and build."
