"""References: read in their order, left out where they are too many, made fit for a backend."""

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from komadori.backends.images.protocol import ReferenceRole
from komadori.domain.backends import BackendFacts
from komadori.domain.ids import ArtifactId, SessionId, new_id
from komadori.domain.requests import FrameRequest
from komadori.domain.story import Character, Drawing
from komadori.errors import BackendRefused
from komadori.pipeline.compress import Compressor
from komadori.pipeline.frame_drawing import frame_drawing
from komadori.pipeline.references import Prepare, References, read_references
from tests.fakes.at_work import AtWork
from tests.unit.conftest import Spine

REMOTE = BackendFacts(name="openai", label="OpenAI", kind="http")
LOCAL = BackendFacts(name="sketch", label="Sketch", kind="sketch", is_remote=False)
LIMIT_KB = 30


def a_photo(seed: int, side: int = 320, mode: str = "RGB") -> bytes:
    """Draw something that needs some bytes: soft clouds of colour."""
    small = np.random.default_rng(seed).integers(0, 255, (90, 90, len(mode)), dtype=np.uint8)
    picture = Image.fromarray(small, mode).resize((side, side), Image.Resampling.BICUBIC)
    file = BytesIO()
    picture.save(file, "WEBP", lossless=True)
    return file.getvalue()


@pytest.fixture
def at_work(spine: Spine, session: SessionId) -> Iterator[AtWork]:
    spine.submit(session)
    with ThreadPoolExecutor(1) as executor:
        yield AtWork(spine.store, spine.files, executor, spine.claim())


@pytest.fixture
def prepare(tmp_path: Path) -> Prepare:
    return Prepare(Compressor(tmp_path / "cache"), max_kb=LIMIT_KB)


@pytest.fixture
def keep(spine: Spine) -> Callable[[bytes], ArtifactId]:
    return lambda data: spine.files.put_reference(data).id


Keep = Callable[[bytes], ArtifactId]


def a_drawing(place: ArtifactId | None, **references: ArtifactId | None) -> Drawing:
    cast = tuple(Character(name=name, reference=one) for name, one in references.items())
    asked: dict[str, Any] = {"prompt": "They wait", "scene_reference": place, "characters": cast}
    return frame_drawing(FrameRequest.model_validate(asked), 7)


async def prepared(
    drawing: Drawing, at_work: AtWork, prepare: Prepare, facts: BackendFacts = REMOTE
) -> References:
    return await prepare(await read_references(drawing, at_work.context), facts, at_work.context)


def is_picture_of(data: bytes) -> tuple[str | None, tuple[int, int]]:
    with Image.open(BytesIO(data)) as picture:
        return picture.format, picture.size


# --- reading -----------------------------------------------------------------------------------


async def test_the_place_comes_first_then_the_characters_in_their_order(
    at_work: AtWork, keep: Keep
) -> None:
    place, mei, ren = [keep(a_photo(seed, 64)) for seed in (1, 2, 3)]
    drawing = a_drawing(place, Ren=ren, Tom=None, Mei=mei)

    sources = await read_references(drawing, at_work.context)

    assert [(one.role, one.name, one.picture) for one in sources] == [
        (ReferenceRole.SCENE, "", place),
        (ReferenceRole.CHARACTER, "Ren", ren),
        (ReferenceRole.CHARACTER, "Mei", mei),
    ]
    assert all(one.data == at_work.context.files.read(one.picture) for one in sources)


async def test_only_those_in_the_shot_are_read(at_work: AtWork, keep: Keep) -> None:
    cast = [{"name": name, "reference": keep(a_photo(1, 64))} for name in ("Mei", "Ren")]
    asked = {"prompt": "Ren waits", "characters": cast, "character_ids": ["Ren"]}
    drawing = frame_drawing(FrameRequest.model_validate(asked), 7)

    assert [one.name for one in await read_references(drawing, at_work.context)] == ["Ren"]


@pytest.mark.parametrize(("missing", "whose"), [("place", "of the scene"), ("Mei", "of 'Mei'")])
async def test_a_picture_that_is_gone_is_told_by_name(
    at_work: AtWork, keep: Keep, missing: str, whose: str
) -> None:
    gone = ArtifactId(new_id())
    kept = keep(a_photo(1, 64))
    drawing = a_drawing(gone if missing == "place" else kept, Mei=gone, Ren=kept)

    with pytest.raises(BackendRefused, match=f"reference picture {whose} is gone"):
        await read_references(drawing, at_work.context)


# --- preparing ---------------------------------------------------------------------------------


async def test_each_is_made_small_enough_and_its_sizes_are_told(
    at_work: AtWork, keep: Keep, prepare: Prepare
) -> None:
    place, mei = keep(a_photo(1)), keep(a_photo(2))

    references = await prepared(a_drawing(place, Mei=mei), at_work, prepare)

    assert [(one.role, one.name) for one in references.sent] == [
        (ReferenceRole.SCENE, ""),
        (ReferenceRole.CHARACTER, "Mei"),
    ]
    for sent, made, picture in zip(references.sent, references.made, (place, mei), strict=True):
        assert sent.media_type == "image/jpeg"
        assert is_picture_of(sent.data) == ("JPEG", (made.width, made.height))
        assert (made.role, made.name, made.picture) == (sent.role.value, sent.name, picture)
        assert made.source_bytes == len(at_work.context.files.read(picture)) > LIMIT_KB * 1024
        assert made.sent_bytes == len(sent.data) < LIMIT_KB * 1024
        assert made.seconds > 0
        assert not made.from_cache
    assert references.left_out == ()


async def test_what_was_prepared_before_comes_from_the_cache(
    at_work: AtWork, keep: Keep, prepare: Prepare
) -> None:
    drawing = a_drawing(keep(a_photo(1)))
    first = await prepared(drawing, at_work, prepare)

    again = await prepared(drawing, at_work, prepare)

    assert again.sent == first.sent
    assert again.made[0].from_cache
    assert again.made[0].source_bytes == first.made[0].source_bytes


async def test_too_many_are_left_out_by_name_from_the_end(
    at_work: AtWork, keep: Keep, prepare: Prepare
) -> None:
    one = keep(a_photo(1, 64))
    drawing = a_drawing(one, Mei=one, Ren=one, Tom=one)

    two, none = [
        await prepared(drawing, at_work, prepare, REMOTE.model_copy(update=most))
        for most in ({"max_references": 2}, {"max_references": 0, "reference_types": ()})
    ]

    assert [sent.name for sent in two.sent] == ["", "Mei"]
    assert [made.name for made in two.made] == ["", "Mei"]
    assert two.left_out == ("Ren", "Tom")
    assert (none.sent, none.made) == ((), ())
    assert none.left_out == ("scene", "Mei", "Ren", "Tom")


@pytest.mark.parametrize(
    ("types", "takes_alpha", "sent_as", "mode"),
    [
        (("image/png",), False, "image/png", "RGB"),
        (("image/png", "image/jpeg"), True, "image/png", "RGBA"),
        (("image/jpeg",), True, "image/jpeg", "RGB"),
    ],
)
async def test_they_are_of_a_kind_that_the_backend_takes(
    at_work: AtWork,
    keep: Keep,
    prepare: Prepare,
    types: tuple[str, ...],
    takes_alpha: bool,
    sent_as: str,
    mode: str,
) -> None:
    facts = REMOTE.model_copy(update={"reference_types": types, "takes_alpha": takes_alpha})
    drawing = a_drawing(keep(a_photo(1, 96, "RGBA")))

    (sent,) = (await prepared(drawing, at_work, prepare, facts)).sent

    assert sent.media_type == sent_as
    with Image.open(BytesIO(sent.data)) as picture:
        assert (Image.MIME[picture.format or ""], picture.convert(mode).mode) == (sent_as, mode)
        assert ("A" in picture.getbands() or "transparency" in picture.info) is (mode == "RGBA")


async def test_who_draws_in_this_process_gets_them_upright_and_nothing_is_said_of_sending(
    at_work: AtWork, keep: Keep, prepare: Prepare
) -> None:
    place, mei = keep(a_photo(1)), keep(a_photo(2))
    facts = LOCAL.model_copy(update={"max_references": 1})

    references = await prepared(a_drawing(place, Mei=mei), at_work, prepare, facts)

    (sent,) = references.sent
    kept = at_work.context.files.read(place)
    assert Image.open(BytesIO(sent.data)).size == Image.open(BytesIO(kept)).size
    assert (references.made, references.left_out) == ((), ("Mei",))


async def test_each_of_several_is_timed_and_they_overlap(
    at_work: AtWork, keep: Keep, prepare: Prepare
) -> None:
    large = 2400  # small ones are done before the other thread has begun
    drawing = a_drawing(keep(a_photo(1, large)), Mei=keep(a_photo(2, large)))

    await prepared(drawing, at_work, prepare)

    first, second = [span for span in at_work.context.spans if span.stage.startswith("compress ")]
    assert {first.stage, second.stage} == {"compress scene", "compress Mei"}
    assert second.start < first.start + first.seconds


async def test_the_loop_goes_on_meanwhile(at_work: AtWork, keep: Keep, prepare: Prepare) -> None:
    drawing = a_drawing(keep(a_photo(1)), Mei=keep(a_photo(2)))
    task = asyncio.create_task(prepared(drawing, at_work, prepare))
    turns = 0

    while not task.done():
        await asyncio.sleep(0)
        turns += 1

    assert turns > 20


async def test_one_that_cannot_be_prepared_is_refused_by_name(
    at_work: AtWork, keep: Keep, prepare: Prepare, spine: Spine
) -> None:
    place, mei, ren = [keep(a_photo(seed, 64)) for seed in (1, 2, 3)]
    for broken in (mei, ren):
        spine.files.path(broken).write_bytes(b"no picture")

    with pytest.raises(BackendRefused, match=r"The reference picture of (Mei|Ren): "):
        await prepared(a_drawing(place, Mei=mei, Ren=ren), at_work, prepare)
