"""The sketch backend: the picture follows the words; the same drawing gives the same bytes."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from PIL import Image

from komadori.backends.images.protocol import PictureOrder, Reference, ReferenceRole
from komadori.backends.images.sketch import SketchBackend
from komadori.backends.images.sketch.colouring import (
    BLACK_HAIR,
    BLOND_HAIR,
    RED_HAIR,
    WHITE_HAIR,
    cloth_named,
    hair_named,
)
from komadori.backends.images.sketch.framing import framing_of
from komadori.backends.images.sketch.ink import Colour
from komadori.backends.images.sketch.looks import looks_of
from komadori.backends.images.sketch.palette import palette_of
from komadori.backends.images.sketch.reading import read
from komadori.domain.story import (
    Character,
    Drawing,
    Line,
    Panel,
    Scene,
    Setting,
    Shot,
    Style,
    TimeOfDay,
    Weather,
)
from komadori.errors import BackendRefused

pytestmark = pytest.mark.unit

CAST = (
    Character(name="Mara", description="a girl with a ponytail in a red dress"),
    Character(name="Old Tom", description="an old lighthouse keeper, white beard, cap"),
    Character(name="王七", description="书生"),
)
TALK = (Line(text="The boat leaves tonight.", speaker="Old Tom", listener="Mara"),)
SMALL = (320, 180)


def a_drawing(
    *,
    text: str = "Old Tom and Mara stood there.",
    shot: Shot = Shot.MEDIUM,
    who: Sequence[str] = ("Mara", "Old Tom"),
    said: tuple[Line, ...] = TALK,
    scene: Scene | None = None,
    cast: tuple[Character, ...] = CAST,
    seed: int = 3,
    wish: str = "",
    size: tuple[int, int] = SMALL,
    number: int = 5,
    **style: str,
) -> Drawing:
    panel = Panel(
        number=number,
        scene=scene or Scene(number=2, setting=Setting.FIELD),
        text=text,
        shot=shot,
        characters=tuple(who),
        dialogue=said,
    )
    return Drawing(
        panel=panel,
        cast=cast,
        style=Style(**style),
        seed=seed,
        modification=wish,
        width=size[0],
        height=size[1],
    )


class QuietErrand:
    """Listens to nothing: a sketch asks nothing of its errand, and sends nothing."""

    timeout_s = 0.0
    ticket = None

    def report(self, fraction: float, message: str = "") -> None:
        pass

    def timed(self, *_: str) -> AbstractContextManager[None]:
        return nullcontext()

    def span(self, *_: object) -> None:
        raise AssertionError("nobody else times a sketch")

    async def sending(self) -> None:
        raise AssertionError("a sketch sends nothing")

    async def accepted(self, *_: Mapping[str, Any]) -> None:
        raise AssertionError("a sketch has nothing to fetch")


def an_order(
    drawing: Drawing, references: Mapping[str, bytes], *, is_draft: bool = False
) -> PictureOrder:
    return PictureOrder(
        drawing=drawing,
        prompt="",
        references=tuple(
            Reference(
                role=ReferenceRole.CHARACTER if name else ReferenceRole.SCENE,
                name=name,
                data=data,
                media_type="image/png",
            )
            for name, data in references.items()
        ),
        seed=drawing.seed,
        width=drawing.width,
        height=drawing.height,
        is_draft=is_draft,
    )


async def drawn(drawing: Drawing, references: dict[str, bytes] | None = None) -> bytes:
    return await SketchBackend().draw(an_order(drawing, references or {}), QuietErrand())


async def pixels(drawing: Drawing, references: dict[str, bytes] | None = None) -> np.ndarray:
    with Image.open(BytesIO(await drawn(drawing, references))) as picture:
        return np.asarray(picture.convert("RGB"), dtype=np.float32)


def difference(one: np.ndarray, two: np.ndarray) -> float:
    return float(np.abs(one - two).mean())


def edges(picture: np.ndarray) -> float:
    grey = picture.mean(axis=2)
    return float(np.abs(np.diff(grey, axis=0)).mean() + np.abs(np.diff(grey, axis=1)).mean())


def colourfulness(picture: np.ndarray) -> float:
    return float((picture.max(axis=2) - picture.min(axis=2)).mean())


def a_photo(colour: tuple[int, int, int]) -> bytes:
    held = BytesIO()
    Image.new("RGB", (60, 80), colour).save(held, "PNG")
    return held.getvalue()


async def test_the_same_drawing_gives_the_same_bytes() -> None:
    assert await drawn(a_drawing()) == await drawn(a_drawing())


async def test_another_seed_gives_another_picture() -> None:
    assert difference(await pixels(a_drawing(seed=3)), await pixels(a_drawing(seed=4))) > 2


async def test_a_panel_is_a_webp_of_the_size_asked_for() -> None:
    with Image.open(BytesIO(await drawn(a_drawing(size=(1280, 720))))) as picture:
        assert (picture.format, picture.size) == ("WEBP", (1280, 720))


@pytest.mark.parametrize("size", [(64, 36), (200, 400), (33, 17), (1, 1)])
async def test_any_size_is_honoured(size: tuple[int, int]) -> None:
    with Image.open(BytesIO(await drawn(a_drawing(size=size)))) as picture:
        assert picture.size == size


async def test_progress_is_reported_from_nothing_to_done() -> None:
    seen: list[float] = []

    errand = QuietErrand()
    errand.report = lambda fraction, *_: seen.append(fraction)  # type: ignore[method-assign]
    await SketchBackend().draw(an_order(a_drawing(), {}), errand)

    assert seen == sorted(seen)
    assert (seen[0], seen[-1], len(seen) >= 4) == (0.0, 1.0, True)


@pytest.mark.parametrize(
    "scenes",
    [
        [Scene(number=2, setting=setting) for setting in Setting],
        [Scene(number=2, setting=Setting.STREET, time_of_day=time) for time in TimeOfDay],
        [Scene(number=2, setting=Setting.FOREST, weather=weather) for weather in Weather],
    ],
    ids=["setting", "time", "weather"],
)
async def test_each_place_time_and_weather_looks_different(scenes: list[Scene]) -> None:
    pictures = [await pixels(a_drawing(scene=scene, who=(), said=())) for scene in scenes]

    for index, one in enumerate(pictures):
        for other in pictures[index + 1 :]:
            assert difference(one, other) > 2


async def test_each_shot_looks_different() -> None:
    pictures = [await pixels(a_drawing(shot=shot)) for shot in Shot]

    for index, one in enumerate(pictures):
        for other in pictures[index + 1 :]:
            assert difference(one, other) > 8


async def test_night_is_darker_than_day() -> None:
    night = Scene(number=2, setting=Setting.FIELD, time_of_day=TimeOfDay.NIGHT)

    assert (await pixels(a_drawing(scene=night))).mean() < (await pixels(a_drawing())).mean() - 25


async def test_monochrome_manga_and_pencil_have_no_colour() -> None:
    for style in ({"color_palette": "monochrome"}, {"art_style": "漫画"}, {"art_style": "pencil"}):
        assert colourfulness(await pixels(a_drawing(**style))) < 12  # the paper itself is warm


async def test_vivid_has_more_colour_than_the_usual_palette() -> None:
    assert colourfulness(await pixels(a_drawing(color_palette="vivid"))) > 1.2 * colourfulness(
        await pixels(a_drawing())
    )


async def test_warm_is_redder_than_cold() -> None:
    warm = await pixels(a_drawing(color_palette="暖色"))
    cold = await pixels(a_drawing(color_palette="cold"))

    assert (warm[..., 0] - warm[..., 2]).mean() > (cold[..., 0] - cold[..., 2]).mean() + 10


def at_night(setting: Setting) -> Scene:
    return Scene(number=2, setting=setting, time_of_day=TimeOfDay.NIGHT)


def warmth(picture: np.ndarray) -> float:
    return float((picture[..., 0] - picture[..., 2]).mean())


OUTSIDE = (Setting.STREET, Setting.FOREST, Setting.WATER)


@pytest.mark.parametrize("setting", [*OUTSIDE, Setting.INDOORS])
async def test_sepia_at_night_is_brown_all_over_the_picture(setting: Setting) -> None:
    picture = await pixels(a_drawing(scene=at_night(setting), color_palette="sepia"))

    red, green, blue = picture[..., 0], picture[..., 1], picture[..., 2]
    assert ((red < blue - 12).mean()) < 0.01  # nothing is left of the night's blue
    for part in np.array_split(picture, 3):
        assert 12 < warmth(part) < 70
    assert red.mean() > green.mean() > blue.mean()


@pytest.mark.parametrize("setting", OUTSIDE)
@pytest.mark.parametrize(
    "palette", ["sepia", "warm", "cold", "monochrome", "pastel", "水墨", "red", "blue"]
)
async def test_a_palette_leaves_the_night_dark(setting: Setting, palette: str) -> None:
    night = await pixels(a_drawing(scene=at_night(setting), color_palette=palette))
    day = await pixels(a_drawing(scene=Scene(number=2, setting=setting), color_palette=palette))

    usual = await pixels(a_drawing(scene=at_night(setting)))
    assert night.mean() < usual.mean() + 15
    assert night.mean() < day.mean() - 25


@pytest.mark.parametrize("setting", [*OUTSIDE, Setting.INDOORS])
async def test_warm_cold_and_grey_hold_at_night(setting: Setting) -> None:
    scene = at_night(setting)
    warm, cold, grey = [
        await pixels(a_drawing(scene=scene, color_palette=palette))
        for palette in ("warm", "cold", "monochrome")
    ]

    assert warmth(warm) > 10 > warmth(cold) + 8
    assert colourfulness(grey) < 12


@pytest.mark.parametrize("setting", [*OUTSIDE, Setting.INDOORS])
async def test_moods_differ_in_light_and_colour_at_night(setting: Setting) -> None:
    scene = at_night(setting)
    joyful, usual, sad = [
        await pixels(a_drawing(scene=scene, mood=mood)) for mood in ("joyful", "", "sad")
    ]

    assert joyful.mean() > usual.mean() + 6 > sad.mean() + 12
    assert colourfulness(joyful) > 1.15 * colourfulness(usual) > 1.5 * colourfulness(sad)


async def test_a_mood_takes_no_palette_away() -> None:
    for time in TimeOfDay:
        scene = Scene(number=2, setting=Setting.STREET, time_of_day=time)
        for mood in ("joyful", "sad", "dark"):
            style = {"mood": mood, "color_palette": "monochrome"}
            assert colourfulness(await pixels(a_drawing(scene=scene, **style))) < 12


@pytest.mark.parametrize("time", [TimeOfDay.DAY, TimeOfDay.NIGHT])
@pytest.mark.parametrize(
    "notes", ["No text. Everything in blue tones, please", "整体偏蓝", "blue", "蓝色调"]
)
async def test_notes_set_the_colours_of_the_whole(notes: str, time: TimeOfDay) -> None:
    scene = Scene(number=2, setting=Setting.FOREST, time_of_day=time)

    noted = await pixels(a_drawing(scene=scene, additional_notes=notes))
    assert warmth(noted) < warmth(await pixels(a_drawing(scene=scene))) - 5
    assert np.array_equal(noted, await pixels(a_drawing(scene=scene, color_palette="blue")))


async def test_the_palette_wins_over_the_notes() -> None:
    red = a_drawing(color_palette="red")
    both = a_drawing(color_palette="red", additional_notes="everything in blue tones")

    assert np.array_equal(await pixels(red), await pixels(both))


@pytest.mark.parametrize(
    "notes",
    ["Mara has a blue ribbon", "穿红裙子的女孩", "no warm tones", "grey hair", "soft blue eyes"],
)
def test_notes_about_a_thing_colour_nothing_else(notes: str) -> None:
    palette = palette_of(Style(additional_notes=notes), TimeOfDay.DAY, "")

    assert (palette.grades, palette.names) == ((), ())


async def test_bold_lines_are_darker_than_thin_ones() -> None:
    bold = await pixels(a_drawing(line_style="bold"))
    thin = await pixels(a_drawing(line_style="细"))

    assert (bold < 70).mean() > (thin < 70).mean() * 1.1


async def test_woodcut_has_more_lines_than_clear_line() -> None:
    woodcut = await pixels(a_drawing(art_style="woodcut", size=(640, 360)))
    clear = await pixels(a_drawing(art_style="clear line", size=(640, 360)))

    assert edges(woodcut) > 1.3 * edges(clear)


@pytest.mark.parametrize(
    "style",
    [
        {"art_style": "水墨"},
        {"art_style": "watercolour"},
        {"art_style": "comic noir"},
        {"art_style": "oil painting"},
        {"mood": "dark and tense"},
        {"mood": "happy"},
        {"color_palette": "sepia"},
        {"color_palette": "粉彩"},
        {"color_palette": "blue and gold"},
        {"line_style": "cross-hatching"},
        {"character_style": "chibi"},
        {"character_style": "写实"},
        {"composition": "low angle"},
        {"composition": "倾斜"},
        {"composition": "close, tight"},
    ],
    ids=lambda style: next(iter(style.values())),
)
async def test_style_words_change_the_picture(style: dict[str, str]) -> None:
    assert difference(await pixels(a_drawing()), await pixels(a_drawing(**style))) > 1


@pytest.mark.parametrize(
    "wish",
    [
        "make it night",
        "closer",
        "angry",
        "rain",
        "add snow",
        "夜晚",
        "更近",
        "更远",
        "kneel",
        "森林",
    ],
)
async def test_a_wish_changes_the_picture(wish: str) -> None:
    assert difference(await pixels(a_drawing()), await pixels(a_drawing(wish=wish))) > 1


def test_closer_takes_the_next_nearer_shot() -> None:
    assert read(a_drawing(shot=Shot.WIDE, wish="closer")).shot is Shot.MEDIUM
    assert read(a_drawing(shot=Shot.MEDIUM, wish="更近")).shot is Shot.CLOSE_UP


def test_what_is_done_belongs_to_whoever_is_named() -> None:
    reading = read(a_drawing(text='Mara ran. Then Old Tom knelt with a lantern. "Do not fight!"'))

    assert (reading.part("Mara").pose, reading.part("Old Tom").pose) == ("run", "kneel")
    assert (reading.part("Mara").holds, reading.part("Old Tom").holds) == ("", "lantern")


def test_speaker_and_listener_are_read_from_the_dialogue() -> None:
    reading = read(a_drawing())

    assert (reading.speaker, reading.listener) == ("Old Tom", "Mara")


def test_twelve_characters_all_look_different() -> None:
    names = [
        "Ann", "Ben", "Cleo", "Dan", "Eve", "Finn",
        "王七", "李四", "张三", "赵六", "孙二娘", "道士",
    ]  # fmt: skip
    looks = looks_of([Character(name=name) for name in names], (), "")

    assert len({look.silhouette for look in looks.values()}) == 12
    assert len({look.cloth for look in looks.values()}) >= 10


def test_a_character_looks_the_same_whoever_else_is_in_the_panel() -> None:
    alone = looks_of(CAST, ("Mara",), "")
    together = looks_of(CAST, ("Mara", "Old Tom", "a stranger"), "")

    assert alone["Mara"] == together["Mara"]


@pytest.mark.parametrize(
    ("description", "feature", "value"),
    [
        ("an old man with a long beard", "beard", "long"),
        ("白须老道士", "beard", "long"),
        ("bald", "hair", "bald"),
        ("光头和尚", "hair", "bald"),
        ("a girl with a ponytail", "hair", "ponytail"),
        ("扎辫子的小姑娘", "hair", "braids"),
        ("a knight in armour", "garment", "armour"),
        ("a wizard in a blue robe", "garment", "robe"),
        ("戴斗笠的渔翁", "hat", "straw"),
        ("a boy", "age", "child"),
        ("戴眼镜", "glasses", True),
    ],
)
def test_words_about_a_character_shape_the_look(
    description: str, feature: str, value: object
) -> None:
    look = looks_of([Character(name="X", description=description)], (), "")["X"]

    assert getattr(look, feature) == value


@pytest.mark.parametrize(
    ("description", "hair", "cloth"),
    [
        ("red hair", RED_HAIR, None),
        ("white beard", WHITE_HAIR, None),
        ("白发", WHITE_HAIR, None),
        ("白胡子", WHITE_HAIR, None),
        ("黑发", BLACK_HAIR, None),
        ("a red cloak", None, "red"),
        ("红袍", None, "red"),
        ("a girl with long, curly red hair in a green dress", RED_HAIR, "teal"),
        ("short hair, red woollen cloak", None, "red"),
        ("dressed in red, long hair", None, "red"),
        ("his hair was white; a blue coat", WHITE_HAIR, "blue"),
        ("a black-haired man, red scarf", BLACK_HAIR, "red"),
        ("golden hair and a silver robe", BLOND_HAIR, "grey"),
        ("blue eyes, a brown coat", None, "brown"),
        ("红头发的小女孩，白裙子", RED_HAIR, "white"),
        ("头发花白，穿蓝袍", WHITE_HAIR, "blue"),
        ("须发皆白，黑色长袍", WHITE_HAIR, "navy"),
        ("长发，红色的斗篷", None, "red"),
        ("长发黑衣", None, "navy"),
    ],
)
def test_colours_of_hair_and_of_clothes_are_kept_apart(
    description: str, hair: Colour | None, cloth: str | None
) -> None:
    assert (hair_named(description), cloth_named(description)) == (hair, cloth)


@pytest.mark.parametrize(
    "description",
    [
        "white beard",
        "a grey beard",
        "a white-bearded sailor",
        "白胡子",
        "花白胡子",
        "her uncle, grey beard",
    ],
)
def test_a_white_beard_makes_hair_and_beard_white_at_any_age(description: str) -> None:
    look = looks_of([Character(name="Tom", description=description)], (), "")["Tom"]

    assert (look.age, look.hair_colour, look.beard) == ("adult", WHITE_HAIR, "short")


def test_a_girl_has_no_beard_though_her_grandfather_has_one() -> None:
    anna = Character(name="Anna", description="a girl whose grandfather has a white beard")

    look = looks_of([anna], (), "")["Anna"]

    assert (look.age, look.is_woman, look.beard) == ("child", True, "")


@pytest.mark.parametrize(
    ("name", "description", "age"),
    [
        ("Little Tailor", "", "adult"),
        ("Little Tailor", "a boy", "child"),
        ("Little Red", "a fox hunter", "adult"),
        ("Little Red", "a girl in a red hood", "child"),
        ("Little Red Riding Hood", "", "child"),
        ("小红帽", "", "child"),
        ("小王", "", "adult"),
        ("小王", "一个小男孩", "child"),
        ("孙二娘", "", "adult"),
        ("Old Tom", "", "old"),
        ("Old Tom", "friend of every child", "old"),
        ("老王", "", "old"),
    ],
)
def test_a_name_makes_old_but_little_alone_makes_no_child(
    name: str, description: str, age: str
) -> None:
    assert looks_of([Character(name=name, description=description)], (), "")[name].age == age


def test_no_two_panels_of_a_story_are_framed_alike() -> None:
    assert len({framing_of(number) for number in range(1, 61)}) == 60


@pytest.mark.parametrize("shot", [Shot.CLOSE_UP, Shot.MEDIUM, Shot.OVER_THE_SHOULDER])
async def test_the_same_moment_is_framed_anew_in_each_panel(shot: Shot) -> None:
    pictures = [await pixels(a_drawing(shot=shot, number=number)) for number in range(1, 9)]

    for index, one in enumerate(pictures):
        for other in pictures[index + 1 :]:
            assert difference(one, other) > 5


def test_tall_people_are_taller_and_fat_ones_wider() -> None:
    looks = looks_of(
        [
            Character(name="A", description="a tall man"),
            Character(name="B", description="a short man"),
            Character(name="C", description="胖子"),
        ],
        (),
        "",
    )

    assert looks["A"].height > looks["B"].height + 0.15
    assert looks["C"].girth > 1.2


async def test_a_reference_changes_the_picture_and_its_colour_matters() -> None:
    plain = await pixels(a_drawing())
    red = await pixels(a_drawing(), {"Mara": a_photo((220, 30, 30))})
    green = await pixels(a_drawing(), {"Mara": a_photo((30, 160, 60))})

    assert difference(plain, red) > 1
    assert difference(red, green) > 0.5


@pytest.mark.parametrize("broken", [b"", b"no picture", a_photo((1, 2, 3))[:60]])
async def test_a_broken_reference_is_refused_by_its_characters_name(broken: bytes) -> None:
    with pytest.raises(BackendRefused, match="Mara"):
        await drawn(a_drawing(), {"Mara": broken})


@pytest.mark.parametrize("shot", list(Shot))
async def test_nobody_and_a_crowd_can_be_drawn(shot: Shot) -> None:
    crowd = tuple(f"Someone {number}" for number in range(12))

    empty = await pixels(a_drawing(shot=shot, who=(), said=(), text=""))
    full = await pixels(a_drawing(shot=shot, who=crowd, said=()))

    assert difference(empty, full) > 2


words = st.text(max_size=40) | st.sampled_from(
    [
        "",
        "run with a sword!",
        "他跪下，哭了。",
        "rowed the boat at night",
        "a fox and a lantern",
        "睡",
    ]
)
names = st.sampled_from(["Mara", "Old Tom", "王七", "Owl", " ", "x" * 80, "狐狸"])


@settings(
    max_examples=16,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],  # shrinking would draw hundreds of pictures
    suppress_health_check=list(HealthCheck),
)
@given(
    text=words,
    wish=words,
    style=st.fixed_dictionaries({}, optional=dict.fromkeys(Style.model_fields, words)),
    who=st.lists(names, max_size=6),
    shot=st.sampled_from(list(Shot)),
    setting=st.sampled_from(list(Setting)),
    time=st.sampled_from(list(TimeOfDay)),
    weather=st.sampled_from(list(Weather)),
    speaker=names | st.none(),
    seed=st.integers(-(2**40), 2**40),
    size=st.sampled_from([(96, 54), (54, 96), (160, 90)]),
)
async def test_no_drawing_whatever_fails(
    text: str,
    wish: str,
    style: dict[str, str],
    who: list[str],
    shot: Shot,
    setting: Setting,
    time: TimeOfDay,
    weather: Weather,
    speaker: str | None,
    seed: int,
    size: tuple[int, int],
) -> None:
    scene = Scene(number=1, setting=setting, time_of_day=time, weather=weather)
    said = (Line(text=text, speaker=speaker, listener=None),) if speaker else ()

    data = await drawn(
        a_drawing(
            text=text,
            wish=wish,
            who=who,
            shot=shot,
            scene=scene,
            said=said,
            seed=seed,
            size=size,
            **style,
        )
    )

    assert data[:4] == b"RIFF"


def test_what_follows_a_quote_is_not_done_by_whoever_spoke() -> None:
    reading = read(
        a_drawing(text="Mara说：“我不信。”王七猛冲过去。", who=("Mara", "王七"), said=())
    )

    assert (reading.part("Mara").pose, reading.part("王七").pose) == (None, "run")


def a_place(colour: tuple[int, int, int] = (200, 60, 40)) -> bytes:
    """Draw a place in two halves: a light sky, and ground of a colour."""
    picture = Image.new("RGB", (320, 180), (236, 240, 244))
    picture.paste(colour, (0, 90, 320, 180))
    held = BytesIO()
    picture.save(held, "PNG")
    return held.getvalue()


DARK = a_photo((38, 44, 66))


@pytest.mark.parametrize("shot", list(Shot))
@pytest.mark.parametrize("who", [(), ("Mara", "Old Tom")], ids=["nobody", "people"])
async def test_a_picture_of_the_place_changes_the_panel_from_every_camera(
    shot: Shot, who: tuple[str, ...]
) -> None:
    drawing = a_drawing(shot=shot, who=who, said=())

    assert difference(await pixels(drawing), await pixels(drawing, {"": a_place()})) > 5


@pytest.mark.parametrize("shot", [Shot.WIDE, Shot.MEDIUM, Shot.CLOSE_UP])
async def test_the_colours_of_the_place_are_felt(shot: Shot) -> None:
    red = await pixels(a_drawing(shot=shot, who=(), said=()), {"": a_place((200, 60, 40))})
    blue = await pixels(a_drawing(shot=shot, who=(), said=()), {"": a_place((40, 70, 200))})

    high = red.shape[0]
    assert warmth(red[high * 3 // 4 :]) > 60  # the ground
    assert warmth(blue[high * 3 // 4 :]) < -60
    assert abs(warmth(red[: high // 6]) - warmth(blue[: high // 6])) < 10  # the same sky


async def test_the_place_steps_back_behind_people_the_nearer_they_are() -> None:
    corners: list[float] = []
    for shot in (Shot.WIDE, Shot.MEDIUM, Shot.CLOSE_UP):
        picture = await pixels(a_drawing(shot=shot, who=("王七",), said=()), {"": DARK})
        corners.append(float(picture[5:20, 5:40].mean()))

    assert corners[0] + 10 < corners[1] < corners[2] - 10


async def test_people_stand_before_the_place_that_they_are_drawn_in() -> None:
    empty = await pixels(a_drawing(who=(), said=()), {"": a_place()})
    full = await pixels(a_drawing(), {"": a_place()})

    assert difference(empty, full) > 10
    assert edges(full) > edges(empty)


def borders(picture: np.ndarray) -> int:
    """Count how often light and dark change from the left to the right."""
    is_light = picture.mean(axis=(0, 2)) > 150
    return int(np.abs(np.diff(is_light.astype(int))).sum())


async def test_a_nearer_shot_shows_less_of_the_place() -> None:
    held = BytesIO()
    stripes = Image.new("RGB", (320, 180), (240, 240, 240))
    for x in range(0, 320, 40):
        stripes.paste((60, 60, 60), (x, 0, x + 20, 180))
    stripes.save(held, "PNG")
    wide, near = [
        await pixels(a_drawing(shot=shot, who=(), said=(), text=""), {"": held.getvalue()})
        for shot in (Shot.WIDE, Shot.CLOSE_UP)
    ]

    assert borders(near) < 0.7 * borders(wide)


async def test_the_place_goes_under_the_palette_and_into_the_night() -> None:
    place = {"": a_place()}
    day = await pixels(a_drawing(who=(), said=()), place)
    grey = await pixels(a_drawing(who=(), said=(), color_palette="monochrome"), place)
    night = await pixels(a_drawing(who=(), said=(), scene=at_night(Setting.STREET)), place)

    assert colourfulness(grey) < 12 < colourfulness(day)
    assert night.mean() < day.mean() - 25


async def test_a_dark_picture_of_the_place_is_made_no_darker_by_the_night() -> None:
    day = await pixels(a_drawing(who=(), said=()), {"": DARK})
    night = await pixels(a_drawing(who=(), said=(), scene=at_night(Setting.STREET)), {"": DARK})

    assert abs(day.mean() - night.mean()) < 8


async def test_the_same_place_gives_the_same_bytes() -> None:
    assert await drawn(a_drawing(), {"": a_place()}) == await drawn(a_drawing(), {"": a_place()})


@pytest.mark.parametrize("size", [(64, 36), (200, 400), (33, 17), (1, 1)])
async def test_a_place_fits_any_size(size: tuple[int, int]) -> None:
    data = await drawn(a_drawing(size=size), {"": a_place(), "Mara": a_photo((9, 9, 9))})
    with Image.open(BytesIO(data)) as picture:
        assert picture.size == size


@pytest.mark.parametrize("broken", [b"", b"no picture", a_place()[:60]])
async def test_a_broken_picture_of_the_place_is_refused_by_name(broken: bytes) -> None:
    with pytest.raises(BackendRefused, match="the scene"):
        await drawn(a_drawing(), {"": broken})


@pytest.mark.parametrize(
    ("size", "half"), [((1280, 720), (640, 360)), ((333, 201), (166, 100)), ((64, 64), (32, 32))]
)
async def test_a_draft_has_half_the_size_and_shows_the_same(
    size: tuple[int, int], half: tuple[int, int]
) -> None:
    drawing = a_drawing(size=size)
    data = await SketchBackend().draw(an_order(drawing, {}, is_draft=True), QuietErrand())

    with Image.open(BytesIO(data)) as draft, Image.open(BytesIO(await drawn(drawing))) as final:
        assert (draft.size, final.size) == (half, size)
        looks = [
            np.asarray(one.convert("RGB").resize((16, 9)), np.float32) for one in (draft, final)
        ]
    assert difference(*looks) < (12 if size[0] > 64 else 24)  # lines have a least width
