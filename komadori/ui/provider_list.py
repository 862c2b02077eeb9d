"""Who can draw and who can make clips now, told to all forms whenever they ask."""

import time
from typing import Any

import gradio as gr

from komadori.errors import RequestRejected
from komadori.queue.jobs import Jobs
from komadori.queue.sessions import Sessions
from komadori.ui.render_providers import clip_choices, provider_choices
from komadori.ui.visit import answer, refusal, visit


class ProviderList:
    """The handler behind the choice of who draws."""

    def __init__(self, jobs: Jobs, sessions: Sessions, answers: gr.HTML) -> None:
        self._jobs = jobs
        self._sessions = sessions
        self._answers = answers

    async def providers(self, request: gr.Request) -> dict[Any, Any]:
        """Return the choices in the reader's language."""
        try:
            who = await visit(self._sessions, request)
            known, now = await self._jobs.backends(), time.time()
            choices = provider_choices(known, now, who.language)
            clips = clip_choices(known, now, who.language)
        except RequestRejected as exc:
            return {self._answers: refusal(exc, request)}
        return {self._answers: answer("providers", choices=choices, clips=clips)}
