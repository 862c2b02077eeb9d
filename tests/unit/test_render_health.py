"""The Health tab: states in words and shapes, why, what comes next, who may do something."""

import re
from html.parser import HTMLParser

import pytest

from komadori.domain.servers import IncidentKind, Offer, ServerState, Verb
from komadori.ui.health_desk import verbs_for
from komadori.ui.reasons import reasons, told
from komadori.ui.render_health import Gate, health_page, log_closed, log_tail
from komadori.ui.render_incidents import LOOKS, incident_list, marks
from komadori.ui.render_server import SHAPES, card_head, facts, workflows
from komadori.ui.texts import LANGUAGES, Language
from tests.unit.servers import (
    LIMITS,
    NOW,
    make_incident,
    make_moment,
    make_report,
    make_samples,
    make_server,
    make_view,
)

pytestmark = pytest.mark.unit

CLOSED = Gate(is_set=True, is_open=False)
EVIL = "<script>alert('x')</script> & \"quotes\""
HAN = re.compile(r"[\u4e00-\u9fff]")


class Reader(HTMLParser):
    """What a reader sees, and that every tag is closed."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.open: list[str] = []
        self.tags: list[str] = []
        self.verbs: dict[str, bool] = {}
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.open.append(tag)
        found = dict(attrs)
        if verb := found.get("data-verb"):
            self.verbs[verb] = "disabled" not in found

    def handle_startendtag(self, tag: str, _attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.words)).strip()


def page_text(*servers: object, language: Language = "en", gate: Gate = CLOSED) -> str:
    drawn = health_page(make_view(*servers), gate, LIMITS, language)  # type: ignore[arg-type]
    return Reader(drawn["head"] + "".join(drawn["servers"]) + drawn["foot"]).text


@pytest.mark.parametrize("state", list(ServerState))
@pytest.mark.parametrize("language", LANGUAGES)
def test_each_state_has_a_shape_and_a_word(state: ServerState, language: Language) -> None:
    shape, look = SHAPES[state]

    head = card_head(make_server(make_report(state)), make_moment(language))

    assert re.search(
        rf'class="state is-{look}"><i aria-hidden="true">{re.escape(shape)}</i> [^<]+<', head
    )
    assert bool(HAN.search(Reader(head).text)) == (language == "zh")


def test_states_that_mean_different_things_look_different_without_colour() -> None:
    shapes = {state: SHAPES[state][0] for state in ServerState}

    assert shapes[ServerState.READY] != shapes[ServerState.BUSY] != shapes[ServerState.DOWN]
    assert shapes[ServerState.BACKOFF] != shapes[ServerState.FAILED]


def test_a_card_says_why_which_attempt_and_when_it_is_tried_again() -> None:
    report = make_report(
        ServerState.BACKOFF,
        reason="killed (signal 9): out of memory, likely",
        attempt=2,
        next_try_at=NOW + 5,
    )

    english, chinese = (
        Reader(card_head(make_server(report), make_moment(language))).text for language in LANGUAGES
    )

    assert "restarts soon" in english
    assert "Killed (signal 9): out of memory, likely" in english
    assert "Attempt 2 of 5, next try in 5 s" in english
    assert "被强行终止（信号 9），多半是内存不够" in chinese
    assert "第 2 次尝试，最多 5 次，5 秒后再试" in chinese


def test_a_server_that_is_well_again_tells_no_attempt() -> None:
    text = Reader(card_head(make_server(make_report(attempt=1)), make_moment())).text

    assert "ttempt" not in text


def test_a_plan_and_a_drain_are_told_beside_the_state() -> None:
    plan = "restart in a gap before 03:10, its memory grows by 210 MB an hour"
    report = make_report(is_draining=True, plan=plan)

    english, chinese = (
        Reader(card_head(make_server(report), make_moment(language))).text for language in LANGUAGES
    )

    assert "takes no new prompts" in english
    assert f"Planned: {plan}." in english
    assert "03:10 之前找个空档重启：内存每小时涨 210 MB" in chinese


def test_only_servers_of_ours_can_be_started_and_ended() -> None:
    ours, others = make_report(), make_report(ServerState.UP, is_owned=False)

    assert verbs_for(ours) == (Verb.RESTART, Verb.FREE, Verb.DRAIN, Verb.STOP)
    assert verbs_for(others) == (Verb.FREE, Verb.DRAIN)
    assert verbs_for(make_report(ServerState.STOPPED)) == (Verb.START, Verb.DRAIN)
    assert Verb.START in verbs_for(make_report(ServerState.FAILED))
    assert Verb.RESUME in verbs_for(make_report(is_draining=True))


def test_what_was_asked_for_is_told_and_cannot_be_asked_twice() -> None:
    head = Reader(card_head(make_server(asked=(Verb.RESTART,)), make_moment()))

    assert "Asked: it is started anew." in head.text
    assert head.verbs == {"restart": False, "free": True, "drain": True, "stop": True}


def test_a_server_that_nobody_watches_is_told_so() -> None:
    assert "Nobody watches this server just now" in page_text(make_server(is_watched=False))


def test_facts_tell_what_is_used_against_the_limits() -> None:
    server = make_server(make_report(ram_free=4 * 2**30), samples=make_samples(3, cpu_percent=93))

    drawn = facts(server, make_moment())

    text = Reader(drawn).text
    assert "▲ 60 of 64 GB · 94 %, limit 85 %" in text
    assert "18 of 24 GB · 75 %, limit 95 %" in text
    assert "cuda:0 RTX 4090" in text
    assert "▲ 93 %, limit 80 %" in text
    assert drawn.count('class="is-over"') == 2


def test_old_samples_say_nothing_of_now() -> None:
    old = tuple(one.model_copy(update={"at": one.at - 3600}) for one in make_samples(3))
    server = make_server(make_report(ServerState.DOWN), samples=old)

    text = Reader(facts(server, make_moment())).text

    assert "%" not in text
    assert "no answer" in text


def test_workflows_that_cannot_run_say_why() -> None:
    fault = (
        "Node 4 (Load Checkpoint): ckpt_name: the model x.safetensors is not there; "
        "it belongs into models/checkpoints of this ComfyUI."
    )
    report = make_report(offers={"sdxl": Offer(fault=fault), "check-picture": Offer()})

    english, chinese = (
        Reader(workflows(report, make_moment(language))).text for language in LANGUAGES
    )

    assert english.startswith("Runs 1 of 2 workflows")
    assert "the model x.safetensors is not there" in english
    assert "没有模型 x.safetensors，请放到这个 ComfyUI 的 models/checkpoints 里" in chinese


@pytest.mark.parametrize("kind", list(IncidentKind))
@pytest.mark.parametrize("language", LANGUAGES)
def test_each_kind_of_incident_has_a_shape_and_words(
    kind: IncidentKind, language: Language
) -> None:
    drawn = incident_list([make_incident(kind)], make_moment(language))

    assert f'is-{LOOKS[kind][1]}"><i aria-hidden="true">{LOOKS[kind][0]}</i>' in drawn
    assert Reader(drawn).text


def test_an_incident_tells_when_why_what_was_done_and_for_how_long() -> None:
    noted = make_incident(prompts=("of another session",))

    drawn = incident_list([noted], make_moment())

    text = Reader(drawn).text
    assert "1 h ago" in text
    assert "crashed Killed (signal 9): out of memory, likely" in text
    assert "Started again after 1.1 s" in text
    assert "Ready again after 14 s" in text
    assert "1 prompt was running" in text
    assert "of another session" not in drawn


def test_what_is_not_over_is_told_so() -> None:
    assert "Not ready again yet" in incident_list([make_incident(recovered_at=None)], make_moment())


def test_older_incidents_are_folded_away() -> None:
    many = [make_incident(kind) for kind in list(IncidentKind)[:7]]

    drawn = incident_list(many, make_moment())

    assert "3 older" in drawn
    assert drawn.count("<li") == 7


def test_incidents_become_marks_with_words() -> None:
    (mark,) = marks([make_incident()], make_moment("zh"))

    assert mark.at == NOW - 3600
    assert mark.words == "崩溃：被强行终止（信号 9），多半是内存不够"


def test_a_log_is_never_in_the_page_by_itself() -> None:
    log = "somebody's prompt"
    server = make_server(incidents=(make_incident(log_tail=log),))

    drawn = "".join(health_page(make_view(server), CLOSED, LIMITS, "en")["servers"])

    assert log not in drawn
    assert 'data-asks="crashed1"' in drawn
    assert "Set KOMADORI_OPERATOR_PASSWORD" in log_closed(Gate(is_set=False, is_open=False), "en")
    assert 'data-do="tail"' in log_closed(CLOSED, "en")
    assert "&lt;b&gt;" in log_tail("<b>", "en")


def test_the_tab_says_whose_the_buttons_are() -> None:
    server = make_server()

    assert "Set KOMADORI_OPERATOR_PASSWORD" in page_text(
        server, gate=Gate(is_set=False, is_open=False)
    )
    assert "ask for the operator's password" in page_text(server)
    assert "Lock" in page_text(server, gate=Gate(is_set=True, is_open=True))


@pytest.mark.parametrize("language", LANGUAGES)
def test_without_a_server_the_tab_says_what_for_and_how(language: Language) -> None:
    never = make_report(ServerState.DOWN, name="local", is_owned=False, seen_at=None)

    for servers in ((), (make_server(never),)):
        text = page_text(*servers, language=language)
        assert "python main.py --port 8188" in text
        assert "config/local.yaml" in text
        assert ("http://127.0.0.1:8188" in text.replace('"http', "")) == bool(servers)


def test_the_queue_of_everybody_is_counted_and_nothing_more() -> None:
    view = make_view(make_server(), running=2, queued=5, waiting=1, queued_since=NOW - 300)
    stale = make_view(make_server(), queued=5, queued_since=NOW - 300)

    head = Reader(health_page(view, CLOSED, LIMITS, "en")["head"]).text
    assert "Steps of all jobs: 2 running · 5 in line · 1 waiting" in head
    assert "No worker has taken one" not in head
    assert "No worker has taken one for 5 min" in health_page(stale, CLOSED, LIMITS, "en")["head"]
    assert "No step waits or runs" in page_text(make_server())


@pytest.mark.parametrize("language", LANGUAGES)
def test_nothing_that_servers_tell_acts_as_markup(language: Language) -> None:
    report = make_report(
        ServerState.FAILED,
        reason=EVIL,
        plan=EVIL,
        version=EVIL,
        url=EVIL,
        offers={EVIL: Offer(fault=EVIL)},
    )
    incident = make_incident(cause=EVIL, action=EVIL)
    server = make_server(report, incidents=(incident,), samples=make_samples(5))

    drawn = health_page(make_view(server), CLOSED, LIMITS, language)

    page = Reader(drawn["head"] + "".join(drawn["servers"]) + drawn["foot"])
    assert "script" not in page.tags


def test_what_supervisors_write_is_said_in_chinese() -> None:
    nested = "ended with code 1; its log says: the GPU ran out of memory"

    assert told(nested, "zh") == "退出，代码 1；日志显示：显存用完了"
    assert told(f"it crashed 5 times in 10 min: {nested}", "zh").startswith("10 分钟里崩溃了 5 次")
    assert told("something nobody foresaw", "zh") == "something nobody foresaw"
    assert told(f"{nested}.", "en") == nested
    assert all(HAN.search(words) for words in reasons("zh").values())
