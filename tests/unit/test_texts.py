"""The page's words: complete in every language, filled in alike, and none of them idle."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from komadori.domain.servers import IncidentKind, ServerState, Verb
from komadori.domain.states import JobKind, JobState, Stage, StepKind, StepState
from komadori.domain.story import Setting, Shot, Style, TimeOfDay, Weather
from komadori.ui.presets import PRESETS, preset_words
from komadori.ui.render_parts import WORKS
from komadori.ui.script_texts import SCRIPT_TEXTS
from komadori.ui.texts import I18N, LANGUAGES, catalog, language_of, placeholders, say, say_or
from komadori.ui.theme import HEAD

PRODUCT = Path(__file__).parents[2] / "komadori"
UI = PRODUCT / "ui"

# Keys that are put together at run time, by what they begin with.
COMPOSED = {
    "state_": [state.value for state in (*JobState, *StepState)],
    "stage_": [stage.value for stage in Stage],
    "kind_": [kind.value for kind in JobKind],
    "step_": [kind.value for kind in StepKind],
    "shot_": [shot.value for shot in Shot],
    "setting_": [setting.value for setting in Setting],
    "time_": [time.value for time in TimeOfDay if time is not TimeOfDay.DAY],
    "weather_": [weather.value for weather in Weather if weather is not Weather.CLEAR],
    "style_": list(Style.model_fields),
    "preset_": list(PRESETS),
    "sample_": list(LANGUAGES),
    "made_split_": ["rules", "llm"],
    "work_": WORKS,
    "part_": [
        *("references", "compress", "compress_scene", "compress_name", "connect", "upload"),
        *("wait", "receive", "parse", "poll", "download", "draw", "fit", "store", "split", "fetch"),
    ],
    "frame_provider_": ["first", "only"],
    "frame_help_": ["refused", "time_limit", "provider_busy", "provider_down"],
    "frame_limit_learned_": ["least", "most"],
    "frame_reference_": ["scene", "picture"],
    "server_": [state.value for state in ServerState],
    "wait_state_": ["STOPPED", "DEGRADED", "SUSPECT", "FAILED", "DOWN"],
    "verb_": [verb.value for verb in Verb],
    "asked_": [verb.value for verb in Verb],
    "incident_": [kind.value for kind in IncidentKind],
    "say_drawing_": ["draft", "draft_of", "frame", "frame_of"],
}
OPEN_ENDED = ("reject_", "problem_", "log_", "preset_")
# Not words that a line of code names: a comparison would find them idle.
PARTS = {
    f"jobs_{which}_{part}"
    for which in ("empty", "none_match")
    for part in ("title", "text", "action")
}
OUTCOMES = ("completed", "failed", "cancelled", "released", "died", "waited", "unknown")
LOG_PANE = {"log_title", "log_loading", "log_empty"}
# What a first frame says otherwise than a storyboard.
PARTS |= {
    f"say_{key}_frame"
    for key in ("completed", "completed_in", "partial", "partial_plain", "unanswered", "cancelled")
}
PARTS |= {
    f"say_{key}_clip"
    for key in ("completed", "completed_in", "partial", "partial_plain", "unanswered", "cancelled")
}
PARTS |= {"say_waiting_plain", "say_failed_plain", "jobs_state", "jobs_kind"}


def test_every_language_has_the_same_texts() -> None:
    english, chinese = (set(catalog(language)) for language in LANGUAGES)

    assert {key for key in english if not key.endswith("__one")} == chinese


def test_a_text_wants_the_same_facts_in_every_language() -> None:
    chinese = catalog("zh")

    different = {
        key: (text, chinese[key])
        for key, text in catalog("en").items()
        if not key.endswith("__one") and placeholders(text) != placeholders(chinese[key])
    }
    assert different == {}


def test_a_singular_wants_no_more_than_its_plural() -> None:
    words = catalog("en")

    for key, text in words.items():
        if key.endswith("__one"):
            assert placeholders(text) <= placeholders(words[key.removesuffix("__one")])


def test_chinese_texts_are_chinese() -> None:
    borrowed = {"sample_en"}

    latin = [
        key
        for key, text in catalog("zh").items()
        if key not in borrowed and not re.search(r"[\u4e00-\u9fff]", re.sub(r"\{\w+\}", "字", text))
    ]
    assert latin == []


@pytest.mark.parametrize("prefix", sorted(COMPOSED))
def test_every_composed_key_exists(prefix: str) -> None:
    missing = {prefix + name for name in COMPOSED[prefix]} - set(catalog("en"))

    assert missing == set()


def test_every_key_that_the_code_names_exists() -> None:
    words = catalog("en")

    named = {key for call in _calls({"say", "label"}) for key in _first_texts(call)}
    assert {key for key in named if key not in words} == set()


def test_no_text_is_idle() -> None:
    code = "\n".join(path.read_text("utf-8") for path in UI.rglob("*.py"))
    code += "\n".join(path.read_text("utf-8") for path in (UI / "assets").glob("*.js"))
    composed = {prefix + name for prefix, names in COMPOSED.items() for name in names}

    idle = [
        key
        for key in catalog("en")
        if not re.search(rf"""["']{key.removesuffix("__one")}["']""", code)
        and key.removesuffix("__one") not in composed | PARTS
        and not key.startswith(OPEN_ENDED)
    ]
    assert idle == []


def test_scripts_say_only_what_they_are_given() -> None:
    scripts = "\n".join(path.read_text("utf-8") for path in (UI / "assets").glob("*.js"))

    asked = set(
        re.findall(
            r"""(?:say\(\s*(?:isOpen \? )?|data-words=|key = [^;]*? )"([a-z_]+)\"""", scripts
        )
    )
    assert asked - set(SCRIPT_TEXTS) == set()
    assert [key for key in SCRIPT_TEXTS if f'"{key}"' not in scripts] == []


def test_every_refusal_of_the_product_has_words() -> None:
    words = catalog("en")

    codes = set(_codes("RequestRejected"))
    assert {code for code in codes if f"reject_{code}" not in words} == set()
    said = {key.removesuffix("__one") for key in words if key.startswith("reject_")}
    assert said == {f"reject_{code}" for code in codes}


def test_every_problem_of_the_product_has_words() -> None:
    missing = {code for code in _codes("Problem") if f"problem_{code}" not in catalog("en")}

    assert missing == set()


def test_every_line_of_the_log_has_words() -> None:
    notes = (call for call in _product_calls() if getattr(call.func, "attr", "") == "note")
    kinds = {text for call in notes if call.args for text in _texts_in(call.args[0])}
    kinds |= {f"step_{outcome}" for outcome in OUTCOMES}

    assert {kind for kind in kinds if f"log_{kind}" not in catalog("en")} == set()
    assert {key for key in catalog("en") if key.startswith("log_") and key not in LOG_PANE} == {
        f"log_{kind}" for kind in kinds
    }


def test_numbers_are_grouped_and_one_is_singular() -> None:
    assert say("en", "reject_story_length", length=200_000, least=50, most=20_000) == (
        "The story has 200,000 characters; it needs 50 to 20,000."
    )
    assert say("en", "jobs_count", count=1) == "1 job"
    assert say("en", "jobs_count", count=2) == "2 jobs"
    assert "one picture whose request was sent" in say("en", "reject_resend_needed", count=1)
    assert "2 pictures whose requests were sent" in say("en", "reject_resend_needed", count=2)


def test_what_has_no_words_is_said_as_it_came() -> None:
    assert say_or("zh", "reject_of_tomorrow", {}, "As it came.") == "As it came."
    assert say_or("en", "reject_panels_range", {}, "A fact is missing.") == "A fact is missing."


class _Request:
    def __init__(self, cookies: dict[str, str], accepted: str = "") -> None:
        self.cookies = cookies
        self.headers = {"accept-language": accepted}


@pytest.mark.parametrize(
    ("cookie", "accepted", "language"),
    [
        ("zh", "en-US,en;q=0.9", "zh"),
        ("en", "zh-CN", "en"),
        ("", "zh-HK,zh;q=0.9", "zh"),
        ("", "fr-FR,zh-TW;q=0.5,en;q=0.3", "zh"),
        ("xx", "de", "en"),
    ],
)
def test_the_reader_is_answered_in_the_readers_language(
    cookie: str, accepted: str, language: str
) -> None:
    request = _Request({"komadori_language": cookie}, accepted)

    assert language_of(request) == language  # type: ignore[arg-type]


def test_the_pages_own_translation_has_every_fixed_text() -> None:
    translations = I18N.translations_dict

    assert set(translations) == {"en", "zh-CN"}
    assert all("{" not in text for words in translations.values() for text in words.values())


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("preset", [name for name in PRESETS if name != "plain"])
def test_a_preset_says_something_for_the_style(preset: str, language: str) -> None:
    words = preset_words(preset, language)  # type: ignore[arg-type]

    assert len(words) == len(Style.model_fields)
    assert Style(**dict(zip(Style.model_fields, words, strict=True))).art_style


def test_the_head_asks_no_other_host() -> None:
    assert re.findall(r"(?:src|href)=[\"']?(?:https?:)?//|url\(|@import", HEAD) == []
    assert HEAD.count("</script>") == HEAD.count("<script>")


def _calls(names: set[str]) -> Iterator[ast.Call]:
    for path in UI.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in names:
                yield node


def _first_texts(call: ast.Call) -> list[str]:
    return [
        a.value for a in call.args[:2] if isinstance(a, ast.Constant) and isinstance(a.value, str)
    ]


def _texts_in(value: ast.expr) -> list[str]:
    """Return a literal text, or both of a choice between two."""
    if isinstance(value, ast.IfExp):
        return _texts_in(value.body) + _texts_in(value.orelse)
    is_text = isinstance(value, ast.Constant) and isinstance(value.value, str)
    return [str(value.value)] if is_text else []


def _codes(class_name: str) -> Iterator[str]:
    """Yield each literal `code=` of a class, and those that NotFound makes of its first word."""
    for call in _product_calls():
        name = getattr(call.func, "id", "")
        if name == class_name:
            yield from (
                str(keyword.value.value)
                for keyword in call.keywords
                if keyword.arg == "code" and isinstance(keyword.value, ast.Constant)
            )
        if class_name == "RequestRejected" and name == "NotFound":
            yield from (f"{what}_not_found" for what in _first_texts(call)[:1])


def _product_calls() -> Iterator[ast.Call]:
    for path in PRODUCT.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call):
                yield node
