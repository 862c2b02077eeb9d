"""The Studio's form: story, panels, style, cast, who draws, and where each refusal is said."""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import gradio as gr

from komadori.domain.backends import AUTO
from komadori.domain.requests import CAST_MAX, PANELS_MAX
from komadori.errors import RequestRejected
from komadori.queue.jobs import Jobs
from komadori.queue.sessions import Sessions
from komadori.ui.presets import PRESETS, STYLE_FIELDS
from komadori.ui.render import esc, rejection_words
from komadori.ui.texts import LANGUAGES, label, language_of, say
from komadori.ui.theme import PANELS_DEFAULT, samples
from komadori.ui.visit import QUIET, visit

_PRIVATE: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
log = logging.getLogger(__name__)


@dataclass(slots=True)
class Form:
    """The components of the form."""

    fields: list[Any]
    """Story, panels, the seven fields of style, who draws, cast: in the order of a kept draft."""
    provider: gr.HTML
    key: gr.Textbox
    draw: gr.Button
    errors: dict[str, gr.HTML] = field(default_factory=dict)
    """Where a refusal is said, by what it concerns."""

    @classmethod
    def build(cls, jobs: Jobs, sessions: Sessions) -> "Form":
        """Build the form inside the open column."""
        errors: dict[str, gr.HTML] = {}
        story = _story(errors)
        panels = gr.Slider(
            1,
            PANELS_MAX,
            value=PANELS_DEFAULT,
            step=1,
            label=label("panels_label"),
            elem_id="panels",
            buttons=[],
        )
        errors["panels"] = _error()
        preset, style = _style(errors)
        cast = _cast(errors, jobs, sessions)
        provider = _provider(errors)
        draw = gr.Button(label("draw_button"), variant="primary", size="lg", elem_id="draw")
        gr.HTML(
            '<p><span class="cost" role="status"></span>'
            f'<span class="quiet">{label("draw_shortcut")}</span></p>',
            elem_id="draw-hint",
            apply_default_css=False,
        )
        errors["form"] = _error()
        form = cls(
            fields=[story, panels, *style, provider, cast],
            provider=provider,
            key=gr.Textbox(visible=False),
            draw=draw,
            errors=errors,
        )
        form._keep_draft(preset)
        return form

    def _keep_draft(self, preset: gr.Radio) -> None:
        """Keep what was written, and show which preset it amounts to."""
        for component in self.fields:
            component.change(
                None,
                self.fields,
                preset,
                js="(...values) => komadori.keepDraft(...values)",
                **_PRIVATE,
            )


def request_of(values: Sequence[Any]) -> tuple[dict[str, Any], str | None]:
    """Return the request that the form's values make, and its idempotency key."""
    story, panels, *rest = values
    *style, provider, cast, key = rest
    wanted = {
        "story": story or "",
        "panels": panels,
        "style": {name: text or "" for name, text in zip(STYLE_FIELDS, style, strict=True)},
        "characters": cast if isinstance(cast, list) else [],
        "provider": provider or AUTO,
    }
    return wanted, str(key)[:64] if key else None


def place_of(error: RequestRejected) -> str:
    """Name the part of the form that a refusal concerns."""
    concerns = f"{error.code} {error.facts.get('field', '')}"
    for word, place in _PLACES:
        if word in concerns:
            return place
    return "form"


def refused(error: RequestRejected, request: gr.Request) -> str:
    """Say a refusal as it stands in the form."""
    return _wrong(rejection_words(error, language_of(request)))


_PLACES = (
    ("story", "story"),
    ("panels", "panels"),
    ("style", "style"),
    ("cast", "cast"),
    ("characters", "cast"),
    ("reference", "cast"),
    ("picture", "cast"),
    ("provider", "provider"),
)


def _wrong(text: str) -> str:
    return f'<p class="wrong" role="alert">{esc(text)}</p>'


def _error() -> gr.HTML:
    return gr.HTML("", elem_classes="error-place", apply_default_css=False)


def _story(errors: dict[str, gr.HTML]) -> gr.Textbox:
    with gr.Row(elem_id="samples"):
        gr.HTML(f"<span>{label('story_samples')}</span>", apply_default_css=False)
        buttons = {
            language: gr.Button(
                label(f"sample_{language}"), size="sm", elem_classes="as-link", min_width=0
            )
            for language in LANGUAGES
        }
    story = gr.Textbox(
        label=label("story_label"),
        placeholder=label("story_placeholder"),
        lines=9,
        max_lines=9,
        elem_id="story",
    )
    texts = samples()
    for language, button in buttons.items():
        button.click(
            None,
            None,
            story,
            js=f"() => window.KOMADORI_SAMPLES[{language!r}]" if language in texts else None,
            **_PRIVATE,
        )
    gr.HTML(
        '<p id="story-count" class="quiet" aria-live="off"></p>',
        elem_id="count-place",
        apply_default_css=False,
    )
    errors["story"] = _error()
    return story


def _style(errors: dict[str, gr.HTML]) -> tuple[gr.Radio, list[gr.Textbox]]:
    preset = gr.Radio(
        [(label(f"preset_{name}"), name) for name in PRESETS],
        value=PRESETS[0],
        label=label("style_label"),
        elem_id="presets",
    )
    with gr.Accordion(label("style_more"), open=False, elem_id="style-words"):
        boxes = [
            gr.Textbox(
                label=label(f"style_{name}"),
                lines=2 if name == "additional_notes" else 1,
                max_length=1000 if name == "additional_notes" else 200,
                elem_classes="style-field",
            )
            for name in STYLE_FIELDS
        ]
    errors["style"] = _error()
    preset.input(None, preset, boxes, js="(name) => komadori.presetWords(name)", **_PRIVATE)
    return preset, boxes


def _cast(errors: dict[str, gr.HTML], jobs: Jobs, sessions: Sessions) -> gr.HTML:
    gr.HTML(f"<h2>{label('cast_label')}</h2>", elem_id="cast-title", apply_default_css=False)
    cast = gr.HTML(
        [],
        elem_id="cast",
        html_template="",
        js_on_load="komadori.cast(element, props, watch)",
        apply_default_css=False,
    )
    with gr.Accordion(label("cast_add_title"), open=False, elem_id="cast-add"):
        name = gr.Textbox(label=label("cast_name"), max_length=60)
        looks = gr.Textbox(
            label=label("cast_description"),
            placeholder=label("cast_description_hint"),
            max_length=500,
        )
        with gr.Row():
            picture = gr.UploadButton(label("cast_picture"), type="filepath", size="sm")
            add = gr.Button(label("cast_add"), size="sm")
        preview = gr.HTML("", elem_id="cast-preview", apply_default_css=False)
        reference = gr.Textbox(visible=False)
    errors["cast"] = _error()
    handlers = _Cast(jobs, sessions)
    picture.upload(handlers.upload, picture, [reference, preview, errors["cast"]], **QUIET)
    gr.on(
        [add.click, name.submit, looks.submit],
        handlers.add,
        [cast, name, looks, reference],
        [cast, name, looks, reference, preview, errors["cast"]],
        **QUIET,
    )
    return cast


def _provider(errors: dict[str, gr.HTML]) -> gr.HTML:
    provider = gr.HTML(
        AUTO,
        elem_id="provider",
        html_template="",
        js_on_load="komadori.studioProvider(element, trigger, props, watch, ['list_providers'])",
        apply_default_css=False,
    )
    errors["provider"] = _error()
    return provider


class _Cast:
    """The handlers of the cast."""

    def __init__(self, jobs: Jobs, sessions: Sessions) -> None:
        self._jobs = jobs
        self._sessions = sessions

    async def upload(self, path: str | None, request: gr.Request) -> tuple[str, str, str]:
        """Keep a reference picture; returns its id, a preview, and what was wrong."""
        try:
            who = await visit(self._sessions, request)
            data = await _bytes_of(path)
            kept = await self._jobs.add_reference(who.session, data)
        except RequestRejected as exc:
            return "", "", refused(exc, request)
        except Exception:  # the handler's boundary: Gradio would say nothing
            log.exception("reference picture not kept")
            return "", "", _wrong(say(language_of(request), "broken_inside"))
        ready = esc(say(who.language, "cast_picture_ready"))
        preview = f'<p class="preview"><img src="/files/{esc(kept)}/thumb" alt=""> {ready}</p>'
        return kept, preview, ""

    async def add(
        self, cast: Any, name: str, looks: str, reference: str, request: gr.Request
    ) -> tuple[Any, ...]:
        """Add a character to the cast; the fields are emptied only when it was taken."""
        people = cast if isinstance(cast, list) else []
        try:
            _check_name(people, name.strip())
        except RequestRejected as exc:
            skipped = [gr.skip()] * 5
            return (*skipped, refused(exc, request))
        person = {"name": name.strip(), "description": looks.strip()}
        if reference:
            person["reference"] = reference
        return ([*people, person], "", "", "", "", "")


async def _bytes_of(path: str | None) -> bytes:
    if not path:
        raise RequestRejected("No picture arrived.", code="upload_missing")
    return await asyncio.to_thread(Path(path).read_bytes)


def _check_name(people: Sequence[Any], name: str) -> None:
    if not name:
        raise RequestRejected("A character needs a name.", code="cast_needs_name")
    if len(people) >= CAST_MAX:
        message = f"The cast is full: {CAST_MAX} characters are possible."
        raise RequestRejected(message, code="cast_size", most=CAST_MAX)
    if any(isinstance(person, dict) and person.get("name") == name for person in people):
        message = f"Two characters are called {name!r}; each needs a name of its own."
        raise RequestRejected(message, code="cast_names", name=name)
