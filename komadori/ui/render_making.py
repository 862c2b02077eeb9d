"""How a picture was made, told beside it: by whom, why, how long, from which references."""

import re
from collections.abc import Sequence

from komadori.domain.backends import Price
from komadori.domain.making import Making, ReferenceMade
from komadori.domain.view import JobView, StepView
from komadori.ui.render import duration_words, esc, size_words
from komadori.ui.render_parts import part_time
from komadori.ui.texts import Language, say, say_or

SKETCH = "sketch"
"""The backend that is built in. It asks no money, and its references do not travel."""
_SIGNS = {"USD": "$", "EUR": "€", "GBP": "£", "CNY": "¥", "JPY": "¥"}
_WHYS = {
    "asked for": "frame_why_asked",
    "the first one that is ready": "frame_why_first",
    "no other provider is ready": "frame_why_alone",
    "an earlier attempt had asked it": "frame_why_earlier",
}
_DOWN = re.compile(r"(?P<label>.+) is down")
# As pipeline/timeouts.py explains itself; what it says otherwise is shown as it came.
_LEARNED = re.compile(
    r"p95 of (?P<count>\d+) runs(?P<which> of this size| of any size|) is (?P<p95>[\d.e+]+) s, "
    r"x(?P<times>[\d.]+)"
)
_FEW = re.compile(r"(?P<count>\d+) runs? known, (?P<least>\d+) are needed")
_WHICH = {" of this size": "frame_limit_size", " of any size": "frame_limit_any"}


def price_words(price: Price) -> str:
    """Say what something costs, to the cent, or finer where a cent is too much."""
    amount = f"{price.amount:.2f}"
    if 0 < price.amount < 1 and round(price.amount, 2) != price.amount:
        amount = f"{price.amount:.4f}".rstrip("0")
    before, after = price_signs(price.currency)
    return f"{before}{amount}{after}"


def price_signs(currency: str) -> tuple[str, str]:
    """Return what stands before and behind an amount of money."""
    sign = _SIGNS.get(currency)
    return (sign, "") if sign else ("", f" {currency}")


def making_side(step: StepView, view: JobView, language: Language) -> str:
    """Draw what stands beside a picture of a first frame."""
    making = step.making
    if making is None:
        return ""
    recovered = ""
    if making.recovered:
        recovered = f'<p class="quiet">{esc(say(language, "frame_made_recovered"))}</p>'
    return (
        f"<h3>{esc(say(language, 'frame_made'))}</h3>"
        f'<dl class="made-of">{_facts(step, making, view, language)}</dl>{recovered}'
        f"{_references(making, language)}"
    )


def cost_side(view: JobView, language: Language) -> str:
    """Draw what is known of a job's cost while nobody has told how its pictures are made."""
    cost = _cost(None, view, language)
    return f'<dl class="made-of">{cost}</dl>' if cost else ""


def size_of(view: JobView) -> tuple[int, int]:
    """Return the width and height that were asked for, in pixels."""
    width, height = view.request.get("width"), view.request.get("height")
    if isinstance(width, int) and isinstance(height, int):
        return width, height
    return 1280, 720


def _facts(step: StepView, making: Making, view: JobView, language: Language) -> str:
    by = " · ".join(word for word in (making.label, making.model) if word)
    rows = [row("frame_made_by", by, language, note=why_words(making.why, language))]
    if step.started_at is not None and step.ended_at is not None:
        took = part_time(step.ended_at - step.started_at, language)
        rows.append(row("frame_made_time", took, language))
    if making.timeout_s is not None:
        limit = limit_words(making.timeout_s, making.timeout_reason, language)
        rows.append(row("frame_made_limit", limit, language))
    rows.append(_cost(making, view, language))
    width, height = size_of(view)
    rows.append(row("frame_made_size", f"{width} × {height}", language))
    if making.seed is not None:
        rows.append(row("frame_made_seed", str(making.seed), language, copies=str(making.seed)))
    return "".join(rows)


def _cost(making: Making | None, view: JobView, language: Language) -> str:
    unanswered = ""
    if view.cost_unknown:
        price = _sums(view.cost_unknown)
        unanswered = say(language, "frame_made_cost_unanswered", price=price)
    if not view.cost:
        is_free = making is not None and making.provider == SKETCH and not unanswered
        text = say(language, "frame_made_free") if is_free else unanswered
        return row("frame_made_cost", text, language)
    paid = sum(step.making is not None and step.making.cost is not None for step in view.steps)
    notes = [say(language, "frame_made_cost_all", count=paid)] if paid > 1 else []
    notes += [f"+ {unanswered}"] if unanswered else []
    return row("frame_made_cost", _sums(view.cost), language, note=" ".join(notes))


def _sums(prices: Sequence[Price]) -> str:
    return " + ".join(price_words(price) for price in prices)


def row(key: str, text: str, language: Language, *, note: str = "", copies: str = "") -> str:
    """Draw one fact: its name, and what it is; "" where there is nothing to tell."""
    if not text:
        return ""
    small = f"<small>{esc(note)}</small>" if note else ""
    copy = ""
    if copies:
        word = esc(say(language, "link_copy"))
        copy = f'<button type="button" class="as-link" data-copy="{esc(copies)}">{word}</button>'
    term = esc(say(language, key))
    return f'<div data-key="{key}"><dt>{term}</dt><dd>{esc(text)}{small}{copy}</dd></div>'


def why_words(why: str, language: Language) -> str:
    """Say why this backend draws."""
    if why in _WHYS:
        return say(language, _WHYS[why])
    down = _DOWN.fullmatch(why)
    return say(language, "frame_why_down", **down.groupdict()) if down else why


def limit_words(timeout_s: float, reason: str, language: Language) -> str:
    """Say how long it is given, and how that came about."""
    time = duration_words(round(timeout_s), language)
    why = _limit_reason(reason, language)
    if not why:
        return say(language, "frame_limit", time=time)
    return say(language, "frame_limit_because", time=time, reason=why)


def _limit_reason(reason: str, language: Language) -> str:
    if found := _LEARNED.search(reason):
        which = _WHICH.get(found["which"])
        learned = say(
            language,
            "frame_limit_learned",
            count=found["count"],
            which=say(language, which) if which else "",
            p95=found["p95"],
            times=found["times"],
        )
        bound = "least" if ": the least" in reason else "most" if ": the limit" in reason else ""
        return say(language, f"frame_limit_learned_{bound}", learned=learned) if bound else learned
    if found := _FEW.search(reason):
        count, least = int(found["count"]), int(found["least"])
        if not count:
            return say(language, "frame_limit_none")
        return say(language, "frame_limit_few", count=count, least=least)
    return reason.partition(": ")[2] or reason


def _references(making: Making, language: Language) -> str:
    rows = "".join(_reference(one, language) for one in making.references)
    listed = f'<ol class="references">{rows}</ol>' if rows else ""
    left_out = ""
    if making.left_out:
        names = "、" if language == "zh" else ", "
        text = say(
            language, "frame_left_out", names=names.join(making.left_out), label=making.label
        )
        left_out = f'<p class="left-out">{esc(text)}</p>'
    if not listed and not left_out:
        return ""
    title = esc(say(language, "frame_references"))
    none = "" if listed else f'<p class="quiet">{esc(say(language, "frame_references_none"))}</p>'
    return f"<h3>{title}</h3>{listed}{none}{left_out}"


def _reference(one: ReferenceMade, language: Language) -> str:
    name = one.name or say_or(language, f"frame_reference_{one.role}", {}, one.role)
    return (
        f'<li data-key="{esc(one.picture)}"><img src="/files/{esc(one.picture)}/thumb" alt="" '
        f'loading="lazy" decoding="async"><span><b>{esc(name)}</b>'
        f"<small>{esc(reference_words(one, language))}</small></span></li>"
    )


def reference_words(one: ReferenceMade, language: Language) -> str:
    """Say how much smaller a reference was made for its way, and how long that took."""
    sizes = {"source": size_words(one.source_bytes), "sent": size_words(one.sent_bytes)}
    if one.from_cache:
        return say(language, "frame_reference_cached", **sizes)
    time = part_time(max(one.seconds, 0.001), language)
    return say(language, "frame_reference_sizes", **sizes, time=time)
