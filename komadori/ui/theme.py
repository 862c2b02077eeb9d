"""Ink on paper: the colours, the Gradio theme made of them, and what goes into the page's head."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

import gradio as gr

from komadori.domain.requests import (
    CANDIDATES_MAX,
    CAST_MAX,
    FPS_MAX,
    FPS_MIN,
    PROMPT_MAX_CHARS,
    SECONDS_MAX,
    SECONDS_MIN,
    SEED_MAX,
    SIDE_MAX,
    SIDE_MIN,
    STORY_MAX_CHARS,
    STORY_MIN_CHARS,
    ClipRequest,
)
from komadori.ui.presets import all_preset_words
from komadori.ui.render_jobs import PAGE_SIZE
from komadori.ui.script_texts import SCRIPT_TEXTS
from komadori.ui.texts import LANGUAGES, catalog
from komadori.ui.uploads import UPLOAD_MAX_BYTES

_ASSETS = Path(__file__).parent / "assets"
_SAMPLES = Path(__file__).parent / "samples"
_STYLES = (
    "paper.css",
    "gradio.css",
    "stage.css",
    "dialog.css",
    "jobs.css",
    "health.css",
    "frame.css",
    "clip.css",
)
_SCRIPTS = (
    "page.js",
    "providers.js",
    "options.js",
    "form.js",
    "stage.js",
    "jobs.js",
    "health.js",
    "frame_slots.js",
    "frame_form.js",
    "kind_stage.js",
    "frame.js",
    "clip_source.js",
    "clip_form.js",
    "clip.js",
)
# What is drawn for the stage of a storyboard is drawn alike on the others; so with forms.
_ALIKE = (
    (re.compile(r"#frame-stage(?![\w-])"), ":is(#frame-stage, #clip-stage)"),
    (re.compile(r"#stage(?![\w-])"), ":is(#stage, #frame-stage, #clip-stage)"),
    (re.compile(r"#frame-form(?![\w-])"), ":is(#frame-form, #clip-form)"),
    (re.compile(r"#frame(?![\w-])"), ":is(#frame, #clip)"),
    (re.compile(r"#frame-draw(?![\w-])"), ":is(#frame-draw, #clip-make)"),
)

PANELS_DEFAULT = 12
CLIP_SECONDS: float = ClipRequest.model_fields["seconds"].default
CLIP_FPS: int = ClipRequest.model_fields["fps"].default
FORM_FIELDS = 11
"""How many values a kept draft has: story, panels, seven of style, who draws, cast."""

_SANS = (
    "system-ui",
    "-apple-system",
    "Segoe UI",
    "Roboto",
    "PingFang SC",
    "Noto Sans CJK SC",
    "Microsoft YaHei",
    "sans-serif",
)
_MONO = ("ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "monospace")

# Gradio's names for our inks. paper.css holds the inks themselves, for both shades.
_INKS = {
    "body_background_fill": "var(--paper)",
    "body_text_color": "var(--ink)",
    "body_text_color_subdued": "var(--faint)",
    "background_fill_primary": "var(--paper)",
    "background_fill_secondary": "var(--paper)",
    "border_color_primary": "var(--rule)",
    "border_color_accent": "var(--ink)",
    "border_color_accent_subdued": "var(--rule)",
    "color_accent_soft": "var(--wash)",
    "link_text_color": "var(--ink)",
    "link_text_color_hover": "var(--robin-text)",
    "link_text_color_active": "var(--robin-text)",
    "link_text_color_visited": "var(--ink)",
    "block_background_fill": "transparent",
    "block_border_color": "transparent",
    "block_info_text_color": "var(--faint)",
    "block_label_background_fill": "transparent",
    "block_label_border_color": "transparent",
    "block_label_text_color": "var(--ink)",
    "block_title_background_fill": "transparent",
    "block_title_text_color": "var(--ink)",
    "panel_background_fill": "transparent",
    "panel_border_color": "transparent",
    "accordion_text_color": "var(--ink)",
    "input_background_fill": "var(--sheet)",
    "input_background_fill_focus": "var(--sheet)",
    "input_background_fill_hover": "var(--sheet)",
    "input_border_color": "var(--edge)",
    "input_border_color_focus": "var(--ink)",
    "input_border_color_hover": "var(--ink)",
    "input_placeholder_color": "var(--faint)",
    "error_background_fill": "var(--paper)",
    "error_border_color": "var(--brick)",
    "error_text_color": "var(--brick-text)",
    "error_icon_color": "var(--brick)",
    "loader_color": "var(--robin)",
    "slider_color": "var(--ink)",
    "checkbox_label_background_fill": "transparent",
    "checkbox_label_background_fill_hover": "var(--wash)",
    "checkbox_label_background_fill_selected": "var(--ink)",
    "checkbox_label_border_color": "var(--edge)",
    "checkbox_label_border_color_hover": "var(--ink)",
    "checkbox_label_border_color_selected": "var(--ink)",
    "checkbox_label_text_color": "var(--ink)",
    "checkbox_label_text_color_selected": "var(--paper)",
    "button_primary_background_fill": "var(--robin-fill)",
    "button_primary_background_fill_hover": "var(--robin-deep)",
    "button_primary_border_color": "var(--robin-fill)",
    "button_primary_border_color_hover": "var(--robin-deep)",
    "button_primary_text_color": "var(--on-robin)",
    "button_primary_text_color_hover": "var(--on-robin)",
    "button_secondary_background_fill": "transparent",
    "button_secondary_background_fill_hover": "var(--wash)",
    "button_secondary_border_color": "var(--edge)",
    "button_secondary_border_color_hover": "var(--ink)",
    "button_secondary_text_color": "var(--ink)",
    "button_secondary_text_color_hover": "var(--ink)",
}

_FORMS = {
    "body_text_size": "15px",
    "block_border_width": "0px",
    "block_label_border_width": "0px",
    "block_label_shadow": "none",
    "block_label_text_size": "13px",
    "block_label_text_weight": "600",
    "block_title_text_size": "13px",
    "block_title_text_weight": "600",
    "block_title_padding": "0",
    "block_padding": "0",
    "block_radius": "4px",
    "block_shadow": "none",
    "container_radius": "4px",
    "panel_border_width": "0",
    "layout_gap": "20px",
    "form_gap_width": "0px",
    "input_border_width": "1px",
    "input_padding": "10px 12px",
    "input_radius": "4px",
    "input_shadow": "none",
    "input_shadow_focus": "none",
    "input_text_size": "15px",
    "button_border_width": "1px",
    "button_transition": "none",
    "button_transform_hover": "none",
    "button_transform_active": "none",
    "button_primary_shadow": "none",
    "button_primary_shadow_hover": "none",
    "button_primary_shadow_active": "none",
    "button_secondary_shadow": "none",
    "button_secondary_shadow_hover": "none",
    "button_secondary_shadow_active": "none",
    "button_large_radius": "4px",
    "button_small_radius": "4px",
    "button_medium_radius": "4px",
    "button_large_text_size": "15px",
    "button_large_text_weight": "650",
    "button_small_text_size": "13px",
    "button_small_text_weight": "500",
    "button_medium_text_size": "14px",
    "button_medium_text_weight": "500",
    "shadow_drop": "none",
    "shadow_drop_lg": "none",
    "shadow_inset": "none",
    "shadow_spread": "0px",
    "checkbox_label_shadow": "none",
    "checkbox_label_border_width": "1px",
    "checkbox_label_padding": "5px 11px",
    "checkbox_label_gap": "6px",
    "checkbox_label_text_size": "14px",
    "checkbox_label_text_weight": "500",
    "checkbox_shadow": "none",
}


class InkOnPaper(gr.themes.Base):
    """The look of the page. Both shades use the same names; the inks behind them change."""

    def __init__(self) -> None:
        super().__init__(
            primary_hue=gr.themes.colors.orange,
            neutral_hue=gr.themes.colors.stone,
            radius_size=gr.themes.sizes.radius_sm,
            font=_SANS,
            font_mono=_MONO,
        )
        self.name = "ink-on-paper"
        dark = {f"{name}_dark": value for name, value in _INKS.items()}
        known = {name: value for name, value in dark.items() if hasattr(self, name)}
        self.set(**_INKS, **_FORMS, **known)


def samples() -> Mapping[str, str]:
    """Return the sample story of each language."""
    return {
        language: (_SAMPLES / f"{language}.txt").read_text(encoding="utf-8").strip()
        for language in LANGUAGES
    }


def _head() -> str:
    words = {
        language: {key: catalog(language)[key] for key in SCRIPT_TEXTS} for language in LANGUAGES
    }
    limits = {
        "least": STORY_MIN_CHARS,
        "most": STORY_MAX_CHARS,
        "panels": PANELS_DEFAULT,
        "fields": FORM_FIELDS,
        "page": PAGE_SIZE,
        "frame": {
            "prompt": PROMPT_MAX_CHARS,
            "cast": CAST_MAX,
            "candidates": CANDIDATES_MAX,
            "side_min": SIDE_MIN,
            "side_max": SIDE_MAX,
            "seed_max": SEED_MAX,
            "most_bytes": UPLOAD_MAX_BYTES,
        },
        "clip": {
            "prompt": PROMPT_MAX_CHARS,
            "seconds": CLIP_SECONDS,
            "seconds_min": SECONDS_MIN,
            "seconds_max": SECONDS_MAX,
            "fps": CLIP_FPS,
            "fps_min": FPS_MIN,
            "fps_max": FPS_MAX,
            "seed_max": SEED_MAX,
        },
    }
    data = (
        f"window.KOMADORI_WORDS={_json(words)};window.KOMADORI_LIMITS={_json(limits)};"
        f"window.KOMADORI_SAMPLES={_json(dict(samples()))};"
        f"window.KOMADORI_PRESETS={_json(all_preset_words())};"
    )
    style = "\n".join((_ASSETS / name).read_text(encoding="utf-8") for name in _STYLES)
    for place, places in _ALIKE:
        style = place.sub(places, style)
    scripts = "\n".join((_ASSETS / name).read_text(encoding="utf-8") for name in _SCRIPTS)
    icon = quote((_ASSETS / "icon.svg").read_text(encoding="utf-8"))
    link = f'<link rel="icon" type="image/svg+xml" href="data:image/svg+xml,{icon}">'
    return f"{link}<style>{style}</style><script>{data}</script><script>{scripts}</script>"


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False).replace("<", "\\u003c")


THEME = InkOnPaper()
# Gradio rewrites the selectors of its own `css`; ours stands in the head as it was written.
CSS = ""
HEAD = _head()
