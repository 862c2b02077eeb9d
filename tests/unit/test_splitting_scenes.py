"""Scenes of the rule-based splitter: where they begin, their place, hour and weather."""

import pytest

from komadori.domain.requests import StoryboardRequest
from komadori.domain.story import Panel, Scene, Setting, TimeOfDay, Weather
from komadori.pipeline.splitting import split
from komadori.pipeline.splitting.scenes import signs

pytestmark = pytest.mark.unit

_S, _T, _W = Setting, TimeOfDay, Weather


def _panels(story: str, panels: int) -> tuple[Panel, ...]:
    return split(StoryboardRequest(story=story, panels=panels)).panels


def _scenes(story: str, panels: int) -> list[Scene]:
    found: dict[int, Scene] = {}
    for panel in _panels(story, panels):
        found.setdefault(panel.scene.number, panel.scene)
    return list(found.values())


@pytest.mark.parametrize(
    ("told", "setting"),
    [
        ("She hurried into the forest.", _S.FOREST),
        ("They sat at the table in the kitchen.", _S.INDOORS),
        ("He ran through the empty streets.", _S.STREET),
        ("She rowed across the dark sea.", _S.WATER),
        ("They climbed the steep mountain.", _S.MOUNTAIN),
        ("The children played in the meadow.", _S.FIELD),
        ("He left the house and walked into the woods.", _S.FOREST),
        ("他走进森林。", _S.FOREST),
        ("王七回到家里。", _S.INDOORS),
        ("客栈里只剩一盏油灯。", _S.INDOORS),
        ("他们走在大街上。", _S.STREET),
        ("她坐在小船上。", _S.WATER),
        ("王七爬上崂山，站在山顶。", _S.MOUNTAIN),
        ("农夫在田里干活。", _S.FIELD),
        ("他走出屋子，来到河边。", _S.WATER),
        ("Nothing happened.", None),
        ("什么也没有发生。", None),
        ("She walked home through the snow.", None),
        ("He walked home from school.", None),
        ("They ran all the way home.", None),
        ("On the way home it rained.", None),
        ("She walked home along the road.", _S.STREET),
        ("He came home.", _S.INDOORS),
        ("They sat at home.", _S.INDOORS),
        ("门后是一片森林，又黑又静。", _S.FOREST),
        ("他推开屋里的门，门后竟是一片大海。", _S.WATER),
    ],
)
def test_a_sentence_tells_its_place(told: str, setting: Setting | None) -> None:
    assert signs(told).setting is setting


@pytest.mark.parametrize(
    ("told", "time", "weather"),
    [
        ("The moon rose above the pines.", _T.NIGHT, None),
        ("One evening it rained.", _T.DUSK, _W.RAIN),
        ("The next morning snow lay on the roofs.", _T.DAY, _W.SNOW),
        ("The rain stopped.", None, _W.CLEAR),
        ("半夜，下起了大雨。", _T.NIGHT, _W.RAIN),
        ("傍晚，雪停了。", _T.DUSK, _W.CLEAR),
        ("清晨，雪花飘落。", _T.DAY, _W.SNOW),
        ("Every evening she lit the lamp, but tonight the flame was gone.", _T.NIGHT, None),
        ("The cupboard was dark inside.", None, None),
        ("Good night to all.", None, None),
    ],
)
def test_a_sentence_tells_its_hour_and_weather(
    told: str, time: TimeOfDay | None, weather: Weather | None
) -> None:
    found = signs(told)

    assert (found.time_of_day, found.weather) == (time, weather)


CHAPTERS = (
    "第一章 雪夜来客\n\n大雪下了一整夜。客栈里只剩一盏油灯，掌柜老陈正在打瞌睡。一个少女走了进"
    "来。\n\n"
    "第二章 山中\n\n第二天清晨，雪停了。林小雨独自走上山路，石阶又滑又陡。她在山洞口看见一把断"
    "剑。\n\n"
    "***\n\n三年后，林小雨坐在小船上，船夫慢慢摇着桨。江上下着雨。"
)


def test_chapters_and_separators_begin_scenes_and_headings_are_their_titles() -> None:
    scenes = _scenes(CHAPTERS, 6)

    assert [scene.title for scene in scenes] == ["第一章 雪夜来客", "第二章 山中", "第二章 山中"]
    assert [scene.setting for scene in scenes] == [_S.INDOORS, _S.MOUNTAIN, _S.WATER]
    assert [scene.weather for scene in scenes] == [_W.SNOW, _W.CLEAR, _W.RAIN]


def test_a_heading_stays_in_the_text_of_the_panel_that_opens_its_scene() -> None:
    panels = _panels(CHAPTERS, 6)
    opening = {panel.scene.number: panel.text for panel in reversed(panels)}

    assert opening[1].startswith("第一章 雪夜来客 大雪")
    assert opening[2].startswith("第二章 山中 第二天")
    assert sum("***" in panel.text for panel in panels) == 1


def test_a_script_says_its_places_and_hours_itself() -> None:
    story = (
        "INT. KITCHEN - NIGHT\n\nRain against the window. ANNA waits.\n\nEXT. RIVERBANK - DAY\n\n"
        "Ben looks at the water.\n\nEXT. FOREST ROAD - DUSK\n\nAnna walks alone under the pines."
    )
    scenes = _scenes(story, 3)

    assert [scene.time_of_day for scene in scenes] == [_T.NIGHT, _T.DAY, _T.DUSK]
    assert [scene.setting for scene in scenes][:2] == [_S.INDOORS, _S.WATER]
    assert [scene.weather for scene in scenes] == [_W.RAIN, _W.CLEAR, _W.CLEAR]


def test_a_place_holds_until_another_is_reached() -> None:
    story = (
        "Mina walked into the forest. She listened. A twig broke somewhere near. She held her "
        "breath. "
        "Nobody was there.\n\nShe came to the river. She drank. The stones were cold and smooth."
    )
    settings = [panel.scene.setting for panel in _panels(story, 8)]

    assert settings == [_S.FOREST] * 5 + [_S.WATER] * 3


def test_a_place_that_is_only_talked_of_is_not_gone_to() -> None:
    story = (
        'They sat in the kitchen. "Tomorrow we walk into the forest," said Tom. "And then to '
        'the sea," '
        "said Anna. He wanted to go to the mountains. The kettle sang."
    )

    assert {panel.scene.setting for panel in _panels(story, 4)} == {_S.INDOORS}


def test_names_do_not_make_weather() -> None:
    story = (
        "林小雨走在大街上。林小雨买了一个包子，又买了一碗豆浆。她一边走一边吃，觉得今天真好，"
        "什么烦恼也没有了，脚步也轻快起来。"
    )

    assert {panel.scene.weather for panel in _panels(story, 2)} == {_W.CLEAR}


def test_two_scenes_never_share_a_panel_while_there_are_enough_panels() -> None:
    panels = _panels(CHAPTERS, 3)

    assert [panel.scene.number for panel in panels] == [1, 2, 3]


def test_scenes_are_joined_when_panels_are_fewer() -> None:
    assert len(_panels(CHAPTERS, 2)) == 2
    assert len(_panels(CHAPTERS, 1)) == 1


DETECTIVES = (
    "Detective Sarah Cole stepped out of the taxi into the rain. The street was empty. "
    '"You are late," said Inspector Hale. He pointed to the river.\n\n'
    "In the office, an hour later, Hale poured two cups of coffee."
)
FOREST_DOOR = (
    "他坐在屋里的灯下，一封信也没有写完。风从窗外吹进来，他站起身，推开了那扇门。"
    "门后是一片森林，又黑又静。他站了很久，什么也没有听见。"
)


@pytest.mark.parametrize(
    ("story", "seen"),
    [
        (DETECTIVES, [(_S.STREET, _W.RAIN), (_S.INDOORS, _W.CLEAR)]),
        (FOREST_DOOR, [(_S.INDOORS, _W.CLEAR), (_S.FOREST, _W.CLEAR)]),
        (
            "Nothing moved. The trees were bare and the wind was cold.\n\n"
            "They sat down in the kitchen and said nothing.",
            [(_S.FOREST, _W.CLEAR), (_S.INDOORS, _W.CLEAR)],
        ),
        (
            "Nobody spoke a word that day, and nobody ate.\n\nThey went into the cave to wait.",
            [(_S.MOUNTAIN, _W.CLEAR)],
        ),
    ],
)
def test_a_story_begins_at_its_nearest_place(
    story: str, seen: list[tuple[Setting, Weather]]
) -> None:
    assert [(scene.setting, scene.weather) for scene in _scenes(story, 5)] == seen


@pytest.mark.parametrize(
    ("told", "is_jump"),
    [
        ("An hour later he woke.", True),
        ("In the office, an hour later, Hale poured coffee.", True),
        ("At the old mill, the next morning, nobody came.", True),
        ("在办公室里，三天后，他又来了。", True),
        ("In the office, Hale poured coffee.", False),
        ("In the office, the clock struck an hour too late.", False),
    ],
)
def test_a_jump_in_time_may_follow_the_place(told: str, is_jump: bool) -> None:
    assert signs(told).is_jump is is_jump
