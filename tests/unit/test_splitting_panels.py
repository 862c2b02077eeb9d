"""Whole storyboards by rule: every sentence once, the number asked for, shots that vary."""

from itertools import groupby
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from komadori.domain.requests import STORY_MAX_CHARS, STORY_MIN_CHARS, StoryboardRequest
from komadori.domain.story import Character, Setting, Shot, Storyboard, TimeOfDay
from komadori.errors import RequestRejected
from komadori.pipeline.splitting import split

pytestmark = pytest.mark.unit

SAMPLES = Path(__file__).parents[2] / "komadori" / "ui" / "samples"


def _board(story: str, panels: int, cast: tuple[str, ...] = ()) -> Storyboard:
    characters = tuple(Character(name=name) for name in cast)
    return split(StoryboardRequest(story=story, panels=panels, characters=characters))


def _bare(text: str) -> str:
    return "".join(text.split())


def _holds_together(story: str, board: Storyboard, panels: int) -> None:
    assert [panel.number for panel in board.panels] == list(range(1, panels + 1))
    assert _bare("".join(panel.text for panel in board.panels)) == _bare(story)
    names = {character.name for character in board.cast}
    scenes = [panel.scene.number for panel in board.panels]
    assert scenes == sorted(scenes)
    for panel in board.panels:
        assert set(panel.characters) <= names
        assert len(set(panel.characters)) == len(panel.characters)
        for line in panel.dialogue:
            assert line.text
            assert {line.speaker, line.listener} <= names | {None}
            assert line.speaker is None or line.speaker != line.listener


ONE_SENTENCE = (
    "When the bell rang, the old man put down his cup, took his hat from the nail, opened the "
    "door, "
    "looked once at the sleeping cat, and walked out into the rain without a word"
)
NO_MARKS = "the boy ran and ran until he came to the river and then he saw the boat " * 6
POEM = (
    "床前明月光\n疑是地上霜\n举头望明月\n低头思故乡\n\n白日依山尽\n黄河入海流\n欲穷千里目\n更"
    "上一层楼\n\n春眠不觉晓\n处处闻啼鸟"
)
EMOJI = (
    "🦊 The fox said “hi” 👋🏽! “Who are you?” asked the owl 🦉. They flew away 👩‍👩‍👧 "
    "together… 🎉🎉🎉 The end."
)
BROKEN = (
    "“He said ‘go. 「她说：“走！』 Then” she left' and \"nobody knew. Why? 『Because. （No. 终于) “"
)
ONLY_HEADINGS = "Chapter One\nChapter Two\nChapter Three\nChapter Four\nChapter Five"


@pytest.mark.parametrize("panels", [1, 2, 3, 7, 12, 29, 60])
@pytest.mark.parametrize(
    "story",
    [ONE_SENTENCE, NO_MARKS, POEM, EMOJI, BROKEN, ONLY_HEADINGS,
     (SAMPLES / "zh.txt").read_text(encoding="utf-8"),
     (SAMPLES / "en.txt").read_text(encoding="utf-8")],
)  # fmt: skip
def test_every_word_is_told_once_in_any_number_of_panels(story: str, panels: int) -> None:
    board = _board(story, panels)

    _holds_together(story.strip(), board, panels)
    assert board.source == "rules"


def test_one_long_sentence_is_cut_at_its_clauses_before_any_panel_stays_wordless() -> None:
    board = _board(ONE_SENTENCE, 6)

    assert all(panel.text for panel in board.panels)
    assert all(panel.text[-1] == "," for panel in board.panels[:-1])


def test_words_without_any_mark_are_cut_between_words() -> None:
    board = _board(NO_MARKS, 12)

    assert all(panel.text for panel in board.panels)


def test_wordless_panels_are_spread_as_beats_when_there_is_too_little_to_tell() -> None:
    story = "Tom opened the door. “Who is there?” he asked. Anna laughed in the dark."
    board = _board(story, 12, ("Tom", "Anna"))
    beats = [panel for panel in board.panels if not panel.text]

    assert board.panels[0].text == ""
    assert board.panels[0].shot is Shot.WIDE
    assert board.panels[0].characters == ()
    assert all(panel.dialogue == () for panel in beats)
    assert (
        max(len(list(run)) for silent, run in groupby(not p.text for p in board.panels) if silent)
        < 4
    )


@pytest.mark.parametrize(
    "story",
    [
        "The old fox walked home. Rain fell. He slept well!!",
        "Rain fell on the roofs. Nothing moved. The old fox slept in the den.",
        "小猫坐在屋里。外面下着雨，什么声音也没有。小猫看着窗外，一动不动，心里想着河边的鱼，"
        "不知道什么时候才能再去一次，再钓一回。",
        '"Who is there?" asked Tom. Anna laughed at him in the dark.',
    ],
)
def test_a_very_short_story_in_very_many_panels_is_not_one_picture_again_and_again(
    story: str,
) -> None:
    board = _board(story, 60)
    shown = [(panel.shot, panel.characters) for panel in board.panels]
    peopled = [panel for panel in board.panels if panel.characters]

    assert len(set(shown)) >= 5
    assert max(len(list(run)) for _, run in groupby(shown)) <= 2
    assert 30 <= len(peopled) <= 54
    assert (Shot.CLOSE_UP, ()) in shown
    assert (Shot.WIDE, ()) in shown


def test_two_who_talk_are_seen_over_the_shoulder_and_in_turn_in_a_long_silence() -> None:
    board = _board('"Who is there?" asked Tom. Anna laughed at him in the dark.', 40)
    silent = [(panel.shot, panel.characters) for panel in board.panels if not panel.text]

    assert (Shot.OVER_THE_SHOULDER, ("Tom", "Anna")) in silent
    assert {(Shot.CLOSE_UP, ("Tom",)), (Shot.CLOSE_UP, ("Anna",))} <= set(silent)


def test_a_long_speech_does_not_swell_one_panel() -> None:
    speech = " ".join(
        f"This is the sentence number {number} of my long story." for number in range(40)
    )
    board = _board(f"Tom stood up. “{speech}” said Tom. Everyone slept.", 8, ("Tom",))

    lengths = [len(panel.text) for panel in board.panels]
    assert max(lengths) < 3 * sum(lengths) / len(lengths)
    assert {line.speaker for panel in board.panels for line in panel.dialogue} == {"Tom"}


@pytest.mark.parametrize("name", ["zh.txt", "en.txt"])
def test_shots_vary_and_a_scene_opens_wide(name: str) -> None:
    board = _board((SAMPLES / name).read_text(encoding="utf-8"), 12)

    assert board.panels[0].shot is Shot.WIDE
    assert len({panel.shot for panel in board.panels}) >= 3
    assert max(len(list(run)) for _, run in groupby(panel.shot for panel in board.panels)) <= 2


@pytest.mark.parametrize(
    ("name", "language", "cast", "settings_seen"),
    [
        (
            "zh.txt", "zh", ["王七", "妻子", "道士"],
            {Setting.MOUNTAIN, Setting.FOREST, Setting.INDOORS, Setting.WATER},
        ),
        (
            "en.txt", "en", ["Mina", "Tobias", "Owl"],
            {Setting.STREET, Setting.FOREST, Setting.INDOORS, Setting.WATER},
        ),
    ],
)  # fmt: skip
def test_the_sample_stories_show_what_the_page_can_do(
    name: str, language: str, cast: list[str], settings_seen: set[Setting]
) -> None:
    board = _board((SAMPLES / name).read_text(encoding="utf-8"), 12)

    assert board.language == language
    assert [character.name for character in board.cast] == cast
    assert settings_seen <= {panel.scene.setting for panel in board.panels}
    assert TimeOfDay.NIGHT in {panel.scene.time_of_day for panel in board.panels}
    lines = [line for panel in board.panels for line in panel.dialogue]
    assert all(line.speaker for line in lines)


_ALPHABET = st.one_of(
    st.sampled_from(
        list("。！？…，；：“”‘’「」『』\"'.!?,;:—-*#（）() \n\n\t　他她我说道问王七老人")
    ),
    st.sampled_from(
        ["Tom ", "said ", "She ", "the fox ", "第一章", "INT. ", "***", "Chapter 2\n", "🦊", "Mr. "]
    ),
    st.characters(exclude_categories=("Cs", "Cc")),
)
_STORIES = st.lists(_ALPHABET, min_size=30, max_size=240).map("".join)


def _accepted(story: str, panels: int, cast: tuple[str, ...]) -> StoryboardRequest | None:
    padded = story + " end" * max(0, (STORY_MIN_CHARS - len(story)) // 4 + 1)
    try:
        return StoryboardRequest(
            story=padded[:STORY_MAX_CHARS],
            panels=panels,
            characters=tuple(Character(name=name) for name in dict.fromkeys(cast)),
        )
    except RequestRejected:
        return None


@settings(max_examples=120, deadline=None)
@given(
    _STORIES,
    st.integers(1, 60),
    st.lists(
        st.sampled_from(["Tom", "王七", "老人", "the fox", "林小雨", "A.", "(", "Dr. Who"]),
        max_size=4,
    ),
)
def test_any_story_is_told_once_in_the_panels_asked_for_and_always_the_same(
    story: str, panels: int, cast: list[str]
) -> None:
    request = _accepted(story, panels, tuple(cast))
    if request is None:
        return
    board = split(request)

    _holds_together(request.story, board, panels)
    assert split(request) == board
