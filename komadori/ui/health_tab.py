"""The Health tab: how the ComfyUI servers do, and what an operator asks of them."""

from typing import Any

import gradio as gr

from komadori.domain.servers import Verb
from komadori.errors import RequestRejected
from komadori.queue.sessions import Sessions
from komadori.ui.health_desk import HealthDesk
from komadori.ui.render import rejection_words
from komadori.ui.render_health import (
    HOURS,
    HOURS_FIRST,
    Gate,
    health_page,
    log_closed,
    log_tail,
)
from komadori.ui.texts import language_of, say
from komadori.ui.visit import QUIET, Visit, answer, facts_of, guarded, refusal, visit

Updates = dict[Any, Any]

_OLD_S = 0.9
"""The tabs look every two seconds: those that look at the same time share a view."""
HEALTH_EVENTS = ("look_at_health", "operate_server", "show_tail", "leave_operator")


class HealthTab:
    """The handlers of the tab. What is asked is stored at once; the supervisor does it."""

    def __init__(
        self, desk: HealthDesk, sessions: Sessions, board: gr.HTML, answers: gr.HTML
    ) -> None:
        self._desk = desk
        self._sessions = sessions
        self._board = board
        self._answers = answers

    async def look(self, event: gr.EventData, request: gr.Request) -> Updates:
        """Return the tab, if it has changed."""
        try:
            who = await visit(self._sessions, request)
        except RequestRejected as exc:
            return {self._answers: refusal(exc, request)}
        facts = facts_of(event)
        drawn = await self._drawn(who, facts, older_s=_OLD_S)
        if drawn["mark"] == facts.get("mark"):
            return {self._answers: answer("health", do="same")}
        return {self._board: drawn}

    async def operate(self, event: gr.EventData, request: gr.Request) -> Updates:
        """Ask something of a server, or say that the password is needed first."""
        facts = facts_of(event)
        try:
            who = await visit(self._sessions, request)
            if not await self._is_operator(who, facts):
                return {self._answers: self._closed(facts)}
            server, verb = str(facts.get("server", "")), Verb(facts.get("verb", ""))
            await self._desk.ask(server, verb)
        except (RequestRejected, ValueError) as exc:
            return {self._answers: self._refused(exc, request)}
        name = say(who.language, "server_name", name=server)
        asked = say(who.language, f"asked_{verb.value}")
        return {
            self._board: await self._drawn(who, facts),
            self._answers: answer("health", do="asked", text=f"{name} · {asked}"),
        }

    async def tail(self, event: gr.EventData, request: gr.Request) -> Updates:
        """Return the end of a log at an incident for its slot; it is for the operator alone."""
        facts = facts_of(event)
        incident = str(facts.get("incident", ""))
        try:
            who = await visit(self._sessions, request)
            if not await self._is_operator(who, facts):
                html = log_closed(self._gate(who), who.language)
            else:
                text = await self._desk.health.log_tail(incident)
                html = log_tail(text, who.language)
        except RequestRejected as exc:
            return {self._answers: self._refused(exc, request)}
        return {self._answers: answer(f"tail:{incident}", html=html)}

    async def leave(self, event: gr.EventData, request: gr.Request) -> Updates:
        """Forget that this tab has given the password."""
        try:
            who = await visit(self._sessions, request)
        except RequestRejected as exc:
            return {self._answers: refusal(exc, request)}
        self._desk.operator.forget(who.session, who.tab)
        return {self._board: await self._drawn(who, facts_of(event))}

    async def _is_operator(self, who: Visit, facts: dict[str, Any]) -> bool:
        """Whether the tab has given the password, now or a while ago. Raises RequestRejected."""
        operator = self._desk.operator
        if "password" in facts:
            await operator.check(facts["password"])
            operator.remember(who.session, who.tab)
            return True
        return operator.knows(who.session, who.tab)

    def _closed(self, facts: dict[str, Any]) -> dict[str, Any]:
        return answer("health", do="password", server=facts.get("server"), verb=facts.get("verb"))

    def _refused(self, error: Exception, request: gr.Request) -> dict[str, Any]:
        language = language_of(request)
        if isinstance(error, RequestRejected):
            return answer("health", do="refused", text=rejection_words(error, language))
        return answer("health", do="refused", text=say(language, "broken_inside"))

    def _gate(self, who: Visit) -> Gate:
        operator = self._desk.operator
        return Gate(is_set=operator.is_set, is_open=operator.knows(who.session, who.tab))

    async def _drawn(
        self, who: Visit, facts: dict[str, Any], *, older_s: float = 0.0
    ) -> dict[str, Any]:
        hours = facts.get("hours")
        chosen = hours if isinstance(hours, int) and hours in HOURS else HOURS_FIRST
        view = await self._desk.health.view(hours=chosen, older_s=older_s)
        drawn = health_page(view, self._gate(who), self._desk.limits, who.language)
        return {**drawn, "mark": str(hash(str(drawn)))}


def build_health_tab(desk: HealthDesk, sessions: Sessions, answers: gr.HTML) -> None:
    """Build the tab inside the open Blocks context."""
    events = ", ".join(f"'{name}'" for name in HEALTH_EVENTS)
    board = gr.HTML(
        {},
        elem_id="health",
        html_template="",
        js_on_load=f"komadori.health(element, trigger, props, watch, [{events}])",
        apply_default_css=False,
    )
    tab = HealthTab(desk, sessions, board, answers)
    for event, handler in (
        (board.look_at_health, tab.look),
        (board.operate_server, tab.operate),
        (board.show_tail, tab.tail),
        (board.leave_operator, tab.leave),
    ):
        event(guarded(handler, answers), None, [board, answers], **QUIET)
