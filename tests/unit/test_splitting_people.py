"""Who is in a story, who speaks to whom, and what the splitter leaves out of the cast."""

from pathlib import Path

import pytest

from komadori.domain.requests import StoryboardRequest
from komadori.domain.story import Character, Storyboard
from komadori.pipeline.splitting import split

pytestmark = pytest.mark.unit


def _board(story: str, panels: int = 4, cast: tuple[str, ...] = ()) -> Storyboard:
    characters = tuple(Character(name=name) for name in cast)
    return split(StoryboardRequest(story=story, panels=panels, characters=characters))


def _names(board: Storyboard) -> list[str]:
    return [character.name for character in board.cast]


def _turns(board: Storyboard) -> list[tuple[str | None, str | None]]:
    return [(line.speaker, line.listener) for panel in board.panels for line in panel.dialogue]


LAOSHAN = (
    "县里有个书生叫王七，听说崂山上有神仙。他爬上崂山，看见一个道士坐在松树下。王七对道士说：“"
    "请收我做徒弟吧！”"
    "道士笑着问：“你能吃苦吗？”“我能！”王七答道。第二天，道士给了他一把斧头，叫他去林中砍柴。"
    "一个月后，王七回到家里，对妻子说：“我学会了穿墙。”妻子摇头说：“我不信。”"
)
FABLE = (
    "A Fox licked his lips. He saw a Crow in a tree with a piece of cheese in her beak. "
    '"Good morning, Mistress Crow," cried the Fox. "How well you look today!" '
    "The Crow said nothing. She opened her beak and the cheese fell. "
    '"That was all I wanted," said he.'
)
TALK = (
    "‘You’re late,’ said Dr. Harris without looking up.\n\n‘The train was held.’\n\n"
    "‘You could have called.’\n\nEmily put her umbrella down. ‘I did. Nobody answered.’\n\n"
    "‘I was in the cellar,’ he said. ‘With the third box.’\n\n‘You opened it?’ she whispered."
)
SCRIPT = (
    "INT. KITCHEN - NIGHT\n\nANNA sits at the table. BEN enters, wet.\n\nANNA\nWhere were you?\n\n"
    "BEN\n(quietly)\nWalking. By the river.\n\nEXT. RIVERBANK - DAY\n\nBen throws a stone.\n\n"
    "BEN (CONT'D)\nI never told her."
)
PLAY = (
    "夜里，两个人坐在船上。\n王七：师父，我们去哪里？\n道士：去很远的地方。\n王七：（小声）我"
    "怕水。\n道士：别怕，抓紧我的袖子，船快要开了。"
)
WOLF = (
    "小红帽走进森林。大灰狼跳出来说：“小红帽，你要去哪儿呀？”“我去看外婆。”小红帽回答。大灰狼"
    "跑到外婆家。"
    "“谁呀？”外婆在床上问。“是我，小红帽。”大灰狼捏着嗓子说。这时，猎人正好路过。他冲进屋里，"
    "救出了外婆。"
)
MIXED = (
    'Tom 在胡同里迷了路。他看不懂地图。"Excuse me," he said to an old man. '
    "老人笑着说：“你要去哪里？”"
    "Tom 想了想，慢慢地说：“我要去……鼓楼。”“不远，不远！”老人指着前面说。Tom 高兴地跑了。"
)
NAMED_LATER = (
    "客栈里，掌柜老陈正在打瞌睡。一个少女走了进来。“还有房间吗？”少女问。老陈揉揉眼睛：“有！”"
    "“我叫林小雨。”少女摘下斗笠说，“我在找人。”林小雨坐下。老陈给林小雨倒茶。"
)


@pytest.mark.parametrize(
    ("story", "names"),
    [
        (LAOSHAN, {"王七", "道士", "妻子"}),
        (FABLE, {"Fox", "Crow"}),
        (TALK, {"Dr. Harris", "Emily"}),
        (SCRIPT, {"Anna", "Ben"}),
        (PLAY, {"王七", "道士"}),
        (WOLF, {"小红帽", "大灰狼", "外婆", "猎人"}),
        (MIXED, {"Tom", "老人"}),
        (NAMED_LATER, {"老陈", "林小雨"}),
    ],
)
def test_the_cast_is_found_without_junk(story: str, names: set[str]) -> None:
    assert set(_names(_board(story))) == names


@pytest.mark.parametrize(
    ("story", "turns"),
    [
        (
            LAOSHAN,
            [("王七", "道士"), ("道士", "王七"), ("王七", "道士"),
             ("王七", "妻子"), ("妻子", "王七")],
        ),
        (FABLE, [("Fox", "Crow")] * 3),
        (
            TALK,
            [("Dr. Harris", "Emily"), ("Emily", "Dr. Harris"), ("Dr. Harris", "Emily"),
             ("Emily", "Dr. Harris"), ("Dr. Harris", "Emily"), ("Dr. Harris", "Emily"),
             ("Emily", "Dr. Harris")],
        ),
        (SCRIPT, [("Anna", "Ben"), ("Ben", "Anna"), ("Ben", None)]),
        (PLAY, [("王七", "道士"), ("道士", "王七"), ("王七", "道士"), ("道士", "王七")]),
        (MIXED, [("Tom", None), ("老人", "Tom"), ("Tom", "老人"), ("老人", "Tom")]),
    ],
)  # fmt: skip
def test_lines_go_from_their_speaker_to_their_listener(
    story: str, turns: list[tuple[str | None, str | None]]
) -> None:
    assert _turns(_board(story, 1)) == turns


def test_lines_have_no_quote_marks_and_no_stage_directions() -> None:
    lines = [line.text for panel in _board(SCRIPT).panels for line in panel.dialogue]

    assert lines == ["Where were you?", "Walking. By the river.", "I never told her."]
    assert _board(FABLE, 1).panels[0].dialogue[0].text == "Good morning, Mistress Crow"


def test_a_talk_without_tags_goes_to_and_fro() -> None:
    story = (
        "王七和李四坐在屋里。王七问：“你去哪儿了？”\n“去河边了。”\n“看见什么了？”\n“一条大鱼。"
        "”\n“真的？”\n李四点点头，不再说话，望着窗外的雨。"
    )

    assert [speaker for speaker, _ in _turns(_board(story))] == ["王七", "李四"] * 2 + ["王七"]


def test_the_users_cast_comes_first_and_takes_in_its_other_names() -> None:
    story = (
        '"Have you seen Sawyer?" asked the old man. Tom hid behind the fence. '
        '"Not today, sir," said Miss Thatcher. Tom laughed quietly.'
    )
    board = _board(story, 3, ("Becky Thatcher", "Tom Sawyer"))

    assert _names(board)[:2] == ["Becky Thatcher", "Tom Sawyer"]
    assert "Tom" not in _names(board)
    assert "Tom Sawyer" in board.panels[-1].characters
    assert ("Becky Thatcher", "Old Man") in _turns(board)


def test_a_chinese_name_is_known_by_its_given_part_and_its_titles() -> None:
    story = (
        "林小雨推开门。“小雨，你来了！”王先生说。林小姐点点头，坐在王明远身边，两个人看着窗外"
        "的大雪，谁也没有再说话。"
    )
    board = _board(story, 3, ("林小雨", "王明远"))

    assert _names(board) == ["林小雨", "王明远"]
    assert _turns(board) == [("王明远", "林小雨")]
    assert board.panels[-1].characters == ("林小雨", "王明远")


def test_pronouns_mean_the_last_person_they_fit() -> None:
    story = (
        "Anna met her brother Tom at the station. They walked home along the road. "
        "She carried the bag. He carried nothing at all."
    )
    panels = _board(story, 4, ("Anna", "Tom")).panels

    assert [panel.characters for panel in panels] == [
        ("Anna", "Tom"), ("Anna", "Tom"), ("Anna",), ("Tom",),
    ]  # fmt: skip


def test_whoever_is_only_spoken_of_is_not_in_the_picture() -> None:
    story = (
        '"Where is Grandmother?" asked Rose. "Grandmother is ill," said Will, and he shut the '
        "door of the house."
    )
    board = _board(story, 2, ("Rose", "Will", "Grandmother"))

    assert all("Grandmother" not in panel.characters for panel in board.panels)


def test_words_in_quote_marks_that_nobody_says_are_no_speech() -> None:
    story = (
        "The so-called “free” lunch was over. 门上写着“福”字，屋里空空的，没有一个人。The "
        "rain fell on the roof."
    )

    assert _turns(_board(story)) == []


def test_someone_who_tells_the_story_is_in_it() -> None:
    story = (
        "I woke before dawn. I packed my bag and left the house. The road was empty, and it led me "
        "north. By noon I had reached the river, and I sat down to rest."
    )
    board = _board(story)

    assert _names(board) == ["Narrator"]
    assert board.panels[0].characters == ("Narrator",)


@pytest.mark.parametrize(
    ("story", "names"),
    [
        ("Inspector Hale was waiting in the street. Rain fell on the roofs.", ["Inspector Hale"]),
        ("Mr. Brown was waiting at the gate. It was late and very cold.", ["Mr. Brown"]),
        ("Dr. Smith came by in the morning with a bag. It was a cold day.", ["Dr. Smith"]),
        ("On the moon, astronaut Lee climbed out of the lander. Dust rose.", ["Lee"]),
        ("Old Marley was dead to begin with. Nobody in the town had cried.", ["Old Marley"]),
        ("The letter went to Father. Rain fell. Nobody came and nobody wrote.", []),
        ("They lived near King Street, not far from Old Town. It rained a lot.", []),
    ],
)
def test_a_title_or_a_role_before_a_name_makes_a_person_of_it(story: str, names: list[str]) -> None:
    assert _names(_board(story)) == names


@pytest.mark.parametrize(
    ("story", "names"),
    [
        (
            "A cat sat on the wall. A dog ran by and barked at the cat. Then it went off.",
            ["Cat", "Dog"],
        ),
        ("The old fox walked home. Rain fell. He slept well!!", ["Fox"]),
        ("There once was a bird in a tree. It sang all day and all night long.", ["Bird"]),
        ("A bird of prey was seen that day. Rain fell on the roofs of the town.", []),
        ("Tom said, “Look!” A bird flew by. Tom looked up and walked on alone.", ["Tom"]),
        (
            "一只青蛙跳进了古老的池塘。水花溅得很高，四周又安静了下来。风慢慢地停了，云也散了，"
            "只剩下一圈一圈的水纹向外散开。",
            ["青蛙"],
        ),
    ],
)
def test_who_acts_once_is_in_the_cast_of_a_story_that_has_nobody_else(
    story: str, names: list[str]
) -> None:
    assert _names(_board(story)) == names


def test_a_lone_animal_is_found_beside_a_given_cast_that_never_appears() -> None:
    board = _board("The old fox walked home. Rain fell. He slept well!!", 3, ("Anna",))

    assert _names(board) == ["Anna", "Fox"]


@pytest.mark.parametrize(
    ("story", "names"),
    [
        (
            "I woke up late. My mother was shouting from the kitchen. I ran to school.",
            {"Narrator", "Mother"},
        ),
        ("My mother was shouting from the kitchen. “I am late,” I thought at once.", {"Mother"}),
        (
            "我醒得很晚。妈妈在厨房里大声喊着，锅里的粥已经凉了。我抓起书包，一口气跑到学校，"
            "教室里一个人也没有，原来今天是星期天。",
            {"我", "妈妈"},
        ),
    ],
)
def test_who_tells_the_story_is_in_it_beside_others(story: str, names: set[str]) -> None:
    assert set(_names(_board(story))) == names


@pytest.mark.parametrize("panels", [6, 24, 60])
def test_a_long_chinese_story_makes_no_names_of_hair_and_laughter(panels: int) -> None:
    sample = Path(__file__).parents[2] / "komadori" / "ui" / "samples" / "zh.txt"
    story = (sample.read_text(encoding="utf-8") + "\n\n") * 8

    assert _names(_board(story, panels)) == ["王七", "妻子", "道士"]
