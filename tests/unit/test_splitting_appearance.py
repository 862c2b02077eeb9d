"""How the splitter says that people look, in words of the story that the drawing understands."""

import pytest

from komadori.backends.images.sketch.looks import looks_of
from komadori.domain.requests import StoryboardRequest
from komadori.domain.story import Character
from komadori.pipeline.splitting import split

pytestmark = pytest.mark.unit


def _cast(story: str, given: tuple[Character, ...] = ()) -> dict[str, str]:
    """Split a story and return the descriptions of its cast."""
    board = split(StoryboardRequest(story=story, panels=2, characters=given))
    return {character.name: character.description for character in board.cast}


_TOM = 'Tom opened the door. "Come in," said Tom. '
_ANNA = '"Come in," said Anna. Tom opened the door. "Come in," said Tom. '


@pytest.mark.parametrize(
    ("story", "name", "looks"),
    [
        (_TOM + "Old Tom sat down.", "Tom", "old"),
        (_TOM + "Tom was old and fat.", "Tom", "old, fat"),
        (_TOM + "Tom was a very tall, thin man with a long white beard and glasses.", "Tom",
         "tall, thin, long white beard, glasses"),
        (_TOM + "Tom, a small boy with red hair, ran out.", "Tom", "small, red hair"),
        (_TOM + "Tom, bald and stout, ran out.", "Tom", "bald, stout"),
        (_TOM + "Tom ran out. He had long black hair.", "Tom", "long black hair"),
        (_TOM + "Tom ran out, his white beard flying.", "Tom", "white beard"),
        (_TOM + "Tom ran out. His hair was grey.", "Tom", "grey hair"),
        (_TOM + "Tom wore a red cloak and a straw hat.", "Tom", "red cloak, straw hat"),
        (_TOM + "Tom, who had a moustache, ran out.", "Tom", "moustache"),
        (_TOM + "Anna looked at Tom. Little Tom smiled.", "Tom", "little"),
        (_TOM + "Tom was a young man. Years later Tom was old.", "Tom", "young"),
        ("An old, bald baker opened. The baker laughed. The baker went in.", "Baker", "bald"),
        ("The fat friendly baker opened. The baker laughed. The baker sang.", "Baker", "fat"),
        ("The small baker opened. The little baker laughed. The baker sang.", "Baker", "small"),
        ("The white-haired baker opened. The baker laughed. The baker sang.", "Baker",
         "white-haired"),
        ("A sailor with a red beard sat there. The sailor laughed. The sailor sang.", "Sailor",
         "red beard"),
    ],
)  # fmt: skip
def test_an_english_story_tells_how_people_look(story: str, name: str, looks: str) -> None:
    cast = _cast(story)

    found = next(words for who, words in cast.items() if name in who)
    assert looks in found


@pytest.mark.parametrize(
    "story",
    [
        _TOM + "Tom was not old.",
        _TOM + "Tom was no longer young.",
        _TOM + "Tom was not a tall man.",
        _TOM + "Tom was seven years old.",
        _TOM + "Tom was a little tired.",
        _TOM + "Tom was short of breath.",
        _TOM + "Tom was old enough to leave.",
        _TOM + "Good old Tom sat down.",
        _TOM + "When Tom was young and thin, it was summer.",
        _TOM + "Tom took the old lamp and the long white rope.",
        _TOM + "Tom had no hair ribbon and no beard.",
        _TOM + "Tom saw a stranger with a white beard.",
        _TOM + "Tom looked at the stranger, his white beard and his glasses.",
        _TOM + "Tom met Karl. His beard was white.",
        _TOM + "Tom walked like an old man.",
        _TOM + '"You fat old Tom!" cried the boy. "Tom has a white beard," said the boy.',
        _TOM + "Tom lost his glasses.",
        _TOM + "The old house was dark, Tom said.",
        _TOM + "Tom put the glasses with the red rims on the table.",
        _ANNA + "Tom looked at Anna. Her white hair shone.",
    ],
)
def test_what_is_not_said_of_someone_is_not_how_they_look(story: str) -> None:
    assert _cast(story)["Tom"] == ""


def test_everybody_gets_only_their_own_looks_in_english() -> None:
    cast = _cast(
        'Old Tobias opened the door. "Come in," said Tobias. Mina, a tall girl with long black '
        'hair, came in. "Thank you," said Mina. Mina looked at Tobias and stroked the cat. '
        "Tobias was bald, but Mina was thin."
    )

    assert cast["Tobias"] == "old, bald"
    assert cast["Mina"] == "tall girl, long black hair, thin"


_WIND = "屋外的风吹过院子，树叶沙沙地响，远处的钟响了三下，天色很好，什么都很安静。"
_ZH = f"{_WIND}王七走进屋里。王七说：“你好。”道士说：“请坐。”"


@pytest.mark.parametrize(
    ("story", "name", "looks"),
    [
        (_ZH + "山上坐着一个老道士，白发垂到肩上。", "道士", "老，白发"),
        (_ZH + "王七看见一个老道士，白发垂到肩上。", "道士", "老，白发"),
        (_ZH + "老道士留着白胡子，戴着眼镜。", "道士", "老，白胡子，戴眼镜"),
        (_ZH + "道士长着一把长长的白胡子。", "道士", "白胡子"),
        (_ZH + "道士满头白发。", "道士", "白发"),
        (_ZH + "道士的头发全白了。", "道士", "白发"),
        (_ZH + "道士又高又瘦。", "道士", "高个子，瘦"),
        (_ZH + "道士个子很高。", "道士", "高个子"),
        (_ZH + "道士是个光头。", "道士", "光头"),
        (_ZH + "道士又矮又胖，是个光头，戴一副眼镜。", "道士", "矮，胖，光头，戴眼镜"),
        (_ZH + "道士笑了。“好！”他扎着发髻。", "道士", "发髻"),
        (_ZH + "道士已经很老了。", "道士", "老"),
        (_ZH + "那个瘦小的道士笑了。", "道士", "瘦小"),
        (_ZH + "戴眼镜的胖道士笑了。", "道士", "胖，戴眼镜"),
        (_ZH + "又高又胖的道士笑了。", "道士", "高个子，胖"),
        (_ZH + "年轻的道士笑了。", "道士", "年轻"),
        (_ZH + "小道士笑了。", "道士", "小孩"),
        (_ZH + "道士走了过来。他留着长胡子。", "道士", "长胡子"),
        (_ZH + "道士穿着一件蓝布长袍，头戴斗笠。", "道士", "穿蓝长袍，戴斗笠"),
        (_WIND + "门口站着一个红头发的小女孩。女孩说：“你好。”女孩笑了。", "女孩", "红发"),
        (_WIND + "一个高个子船长走来。船长说：“开船。”", "船长", "高个子"),
    ],
)
def test_a_chinese_story_tells_how_people_look(story: str, name: str, looks: str) -> None:
    assert _cast(story)[name] == looks


@pytest.mark.parametrize(
    "story",
    [
        _ZH + "道士并不老。",
        _ZH + "道士没有戴眼镜，也没有胡子。",
        _ZH + "道士很高兴。",
        _ZH + "道士必须走了。",
        _ZH + "道士看着王七的白胡子。",
        _ZH + "道士看见一个怪人，白发垂到肩上。",
        _ZH + "道士看见王七，满头白发。",
        _ZH + "道士走进屋里，白发苍苍的母亲正坐着。",
        _ZH + "王七喊道：“你这个老道士，满头白发！”",
        _ZH + "王七像个老道士一样走路。",
        _ZH + "王七和道士走着，他的胡子白了。",
        _ZH + "道士摘下眼镜。",
        _ZH + "道士明白发生了什么事。",
        _ZH + "道士拿起一顶高高的帽子。",
    ],
)
def test_chinese_words_of_others_are_left_alone(story: str) -> None:
    assert _cast(story)["道士"] == ""


def test_everybody_gets_only_their_own_looks_in_chinese() -> None:
    cast = _cast(
        _WIND + "年轻的王七走进屋里，看见一个白胡子老道士。王七说：“你好。”胖胖的道士说：“请坐。”"
        "王七又高又瘦，道士戴着眼镜。"
    )

    assert cast["王七"] == "年轻，高个子，瘦"
    assert cast["道士"] == "老，白胡子，胖，戴眼镜"


def test_what_the_user_wrote_stays_as_it_is() -> None:
    given = (Character(name="Tom", description="a tall boy"), Character(name="Anna"))

    cast = _cast(_ANNA + "Old Tom was fat. Anna was thin and had red hair.", given)

    assert cast == {"Tom": "a tall boy", "Anna": ""}


def test_a_role_stands_before_the_looks() -> None:
    story = _WIND + "县里有个年轻书生叫王七。王七说：“你好。”王七戴着眼镜，坐在桌边。"

    assert _cast(story)["王七"] == "书生，年轻，戴眼镜"


def test_what_a_script_says_is_speech_too() -> None:
    cast = _cast(
        _WIND + "\n夜里，道士坐在船上。\n王七：老道士满头白发。\n道士：王七又高又瘦。\n"
        "王七：我怕水。\n道士：别怕，抓紧我。"
    )

    assert cast == {"道士": "", "王七": ""}


@pytest.mark.parametrize("words", ["高高", "又高", "白发", "old ", "very tall, ", "long white "])
def test_words_without_end_are_read_in_time(words: str) -> None:
    story = f"道士笑了。{words * 400}道士说：“好。” Tom was {words * 400} Tom said."

    assert split(StoryboardRequest(story=story, panels=2)).panels


def test_looks_are_the_same_every_time() -> None:
    story = _TOM + "Tom was a tall, thin man with a long white beard and glasses."

    assert _cast(story) == _cast(story)


def test_the_sketch_draws_people_as_the_story_says() -> None:
    board = split(
        StoryboardRequest(
            story=_TOM + "Old Tom was a fat man with glasses. Tom was bald.", panels=2
        )
    )
    look = looks_of(board.cast, (), "")["Tom"]

    assert (look.age, look.hair, look.glasses) == ("old", "bald", True)
    assert look.girth > 1.2
