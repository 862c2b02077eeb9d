"""The page: header, tabs, and the public API beside them."""

from pathlib import Path

import gradio as gr

from komadori.queue.jobs import Jobs
from komadori.queue.sessions import Sessions
from komadori.ui.api import add_api
from komadori.ui.clip_tab import build_clip_tab
from komadori.ui.frame_tab import build_frame_tab
from komadori.ui.health_desk import HealthDesk
from komadori.ui.health_tab import build_health_tab
from komadori.ui.jobs_tab import build_jobs_tab
from komadori.ui.studio import build_studio
from komadori.ui.texts import I18N, label

_HEADER = (Path(__file__).parent / "assets" / "header.html").read_text(encoding="utf-8")


def build_page(jobs: Jobs, sessions: Sessions, desk: HealthDesk) -> gr.Blocks:
    """Return the page. Its handlers are private; the public API is added by `add_api` alone."""
    page = gr.Blocks(title="Komadori", analytics_enabled=False, fill_width=True)
    with page:
        gr.HTML(
            "",
            elem_id="header",
            html_template=_HEADER,
            js_on_load="komadori.header(element)",
            apply_default_css=False,
        )
        answers = gr.HTML(
            {},
            elem_id="answers",
            html_template="",
            js_on_load="komadori.answers(props, watch)",
            apply_default_css=False,
        )
        with gr.Tabs(elem_id="rooms"):
            with gr.Tab(label("tab_studio"), id="studio"):
                board = build_studio(jobs, sessions, page, answers)
            with gr.Tab(label("tab_frame"), id="frame", render_children=True):
                build_frame_tab(jobs, sessions, page, answers)
            with gr.Tab(label("tab_clip"), id="clip", render_children=True):
                build_clip_tab(jobs, sessions, page, answers)
            with gr.Tab(label("tab_jobs"), id="jobs", render_children=True):
                build_jobs_tab(jobs, sessions, desk.health, board, answers)
            with gr.Tab(label("tab_health"), id="health", render_children=True):
                build_health_tab(desk, sessions, answers)
        gr.HTML(
            f'<a href="/?view=api">{label("api_link")}</a>',
            elem_id="colophon",
            apply_default_css=False,
        )
        add_api(jobs, sessions, desk)
    page.i18n_instance = I18N
    return page
