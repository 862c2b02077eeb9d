"""Sentences, quotes and headings of the rule-based splitter, in Chinese, English and mixed."""

import pytest

from komadori.pipeline.splitting.model import Kind
from komadori.pipeline.splitting.paragraphs import paragraphs
from komadori.pipeline.splitting.quotes import quotes, without_quotes
from komadori.pipeline.splitting.sentences import sentences

pytestmark = pytest.mark.unit


def _sentences(story: str) -> list[str]:
    parts = paragraphs(story)
    found = sentences(story, parts, quotes(story, parts))
    return [" ".join(story[one.start : one.end].split()) for one in found]


@pytest.mark.parametrize(
    ("story", "expected"),
    [
        (
            "He knocked. Nobody came! Was she out?",
            ["He knocked.", "Nobody came!", "Was she out?"],
        ),
        (
            "Mr. Hill met Dr. J. R. Lee at St. Albans. It cost 3.50 pounds, e.g. for tea.",
            ["Mr. Hill met Dr. J. R. Lee at St. Albans.", "It cost 3.50 pounds, e.g. for tea."],
        ),
        ("So did I. Then we left.", ["So did I.", "Then we left."]),
        (
            "Wait... what was that? Well... Nothing.",
            ["Wait... what was that?", "Well...", "Nothing."],
        ),
        (
            '"Who is there?" asked Tom. "Me," said Ann.',
            ['"Who is there?" asked Tom.', '"Me," said Ann.'],
        ),
        (
            '"Go. Now. Please!" the old man cried. He ran.',
            ['"Go. Now. Please!" the old man cried.', "He ran."],
        ),
        ('"Go away!" Tom ran to the door.', ['"Go away!"', "Tom ran to the door."]),
        ('"Hi." "Hello."', ['"Hi."', '"Hello."']),
        (
            "‘I don’t know,’ said Will. ‘It’s late.’ He left.",
            ["‘I don’t know,’ said Will.", "‘It’s late.’", "He left."],
        ),
        (
            "\"She said, 'Run. Run!' and I ran,\" Tom said. We sat.",
            ["\"She said, 'Run. Run!' and I ran,\" Tom said.", "We sat."],
        ),
        ("他走了。天黑了！怎么办？", ["他走了。", "天黑了！", "怎么办？"]),
        (
            "“你终于来了。”老人笑着说。王七点头。",
            ["“你终于来了。”老人笑着说。", "王七点头。"],
        ),
        (
            "王七问：“你是谁？”老人说：“我是道士。坐吧。”",
            ["王七问：“你是谁？”", "老人说：“我是道士。坐吧。”"],
        ),
        ("“走吧。”王七知道他不会来。", ["“走吧。”", "王七知道他不会来。"]),
        (
            "「他说『快走。快走！』」她说道。天亮了。",
            ["「他说『快走。快走！』」她说道。", "天亮了。"],
        ),
        ("“走，”他说，“快走。”雨停了。", ["“走，”他说，“快走。”", "雨停了。"]),
        ("他想了很久很久……终于走了。", ["他想了很久很久……", "终于走了。"]),
        ("我……我不知道。", ["我……我不知道。"]),
        ('Tom 说："Hello! 你好！" 老人笑了。', ['Tom 说："Hello! 你好！"', "老人笑了。"]),
        (
            "床前明月光，\n疑是地上霜。\n举头望明月，\n低头思故乡。",
            ["床前明月光， 疑是地上霜。", "举头望明月， 低头思故乡。"],
        ),
        ("The 🦊 ran 🏃‍♀️! It hid. 🎉", ["The 🦊 ran 🏃‍♀️!", "It hid.", "🎉"]),
        ('He said "stop and went. She stayed.', ['He said "stop and went.', "She stayed."]),
        ("他说：“别动。她笑了。他也笑了。", ["他说：“别动。", "她笑了。", "他也笑了。"]),
        ("no marks at all just words", ["no marks at all just words"]),
    ],
)
def test_a_story_falls_into_its_sentences(story: str, expected: list[str]) -> None:
    assert _sentences(story) == expected


def test_lines_that_were_wrapped_are_joined_and_lines_of_a_poem_are_not() -> None:
    wrapped = (
        "It was a long way to the harbour and the road was wet and\n"
        "Tom had lost his hat. He did not care.\n\nThen it rained."
    )
    poem = "The moon is up\nThe owls are out\nThe mice are home"

    assert len(_sentences(wrapped)) == 3
    assert len(_sentences(poem)) == 3


@pytest.mark.parametrize(
    "heading",
    ["第一章 雪夜", "第12回：归来", "尾声", "Chapter One", "CHAPTER IV. The Storm", "Act 2",
     "# The End", "INT. KITCHEN - NIGHT", "EXT. ROAD - DAY", "内景 厨房 夜", "Prologue"],
)  # fmt: skip
def test_headings_are_known(heading: str) -> None:
    parts = paragraphs(f"{heading}\n\nIt began.")

    assert [part.kind for part in parts] == [Kind.HEADING, Kind.PROSE]


@pytest.mark.parametrize("line", ["***", "* * *", "———", "＊＊＊", "-----", "~~~"])
def test_separators_are_known(line: str) -> None:
    parts = paragraphs(f"It began.\n{line}\nIt went on.")

    assert [part.kind for part in parts] == [Kind.PROSE, Kind.SEPARATOR, Kind.PROSE]


@pytest.mark.parametrize(
    "line", ["Act now, or it is too late.", "Part of him wanted to go.", "……", "第一章最难了"]
)
def test_sentences_are_not_taken_for_headings(line: str) -> None:
    assert [part.kind for part in paragraphs(line)] == [Kind.PROSE]


def test_quoted_words_are_blanked_without_moving_the_rest() -> None:
    story = "He said “go” and “stop” twice."
    told = without_quotes(story, quotes(story, paragraphs(story)))

    assert len(told) == len(story)
    assert told.split() == ["He", "said", "and", "twice."]
