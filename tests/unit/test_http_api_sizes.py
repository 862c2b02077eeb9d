"""The size that is asked of a provider: the order's shape, and as large where that can be."""

import random

import pytest

from komadori.backends.images.http_api.folder import load_providers
from komadori.backends.images.http_api.sizes import SizeChoice, choose_size, reduced
from komadori.backends.images.http_api.spec import SizeSpec
from komadori.settings import ROOT

SHIPPED = {spec.name: spec for spec in load_providers(ROOT / "config" / "providers").specs}
GPT_IMAGE_2 = SHIPPED["openai"].size
SEEDREAM = SHIPPED["ark-seedream"].size
FIXED = SHIPPED["jiekou-gpt-image"].size
RATIOS_X = SHIPPED["jiekou-nano-banana"].size
GEMINI = SHIPPED["gemini"].size
TIERS = SizeSpec(form="tier", tiers={"1K": 1024, "2K": 2048, "4K": 4096})
ANY = SizeSpec(form="pixels")
SMALL = SizeSpec(form="pixels", max_pixels=500_000, multiple_of=8)


@pytest.mark.parametrize(
    ("spec", "order", "expected"),
    [
        (ANY, (1280, 720), ("1280x720", "")),
        (ANY, (1279, 721), ("1279x721", "")),
        (GPT_IMAGE_2, (1280, 720), ("1280x720", "")),
        (GPT_IMAGE_2, (1279, 721), ("1280x736", "")),
        (GPT_IMAGE_2, (640, 360), ("1088x608", "")),  # it makes none so small
        (GPT_IMAGE_2, (2048, 64), ("2048x688", "")),  # at most three times as wide as high
        (SEEDREAM, (1280, 720), ("2560x1440", "")),
        (SEEDREAM, (720, 1280), ("1440x2560", "")),
        (SEEDREAM, (1024, 1024), ("1920x1920", "")),
        (SEEDREAM, (2048, 2048), ("2048x2048", "")),
        (SMALL, (1280, 720), ("896x504", "")),  # smaller, since it makes none so large
        (FIXED, (1280, 720), ("1536x1024", "")),
        (FIXED, (720, 1280), ("1024x1536", "")),
        (FIXED, (1000, 1000), ("1024x1024", "")),
        (RATIOS_X, (1280, 720), ("16x9", "1k")),
        (RATIOS_X, (1920, 1080), ("16x9", "2k")),
        (RATIOS_X, (2048, 64), ("21x9", "1k")),
        (GEMINI, (1280, 720), ("16:9", "1K")),
        (GEMINI, (900, 1200), ("3:4", "2K")),
        (GEMINI, (9000, 9000), ("1:1", "4K")),  # the largest, when none is large enough
        (TIERS, (1280, 720), ("1K", "")),
        (TIERS, (1920, 1080), ("2K", "")),
    ],
)
def test_a_size_keeps_the_shape_and_is_large_enough(
    spec: SizeSpec, order: tuple[int, int], expected: tuple[str, str]
) -> None:
    assert choose_size(spec, *order) == SizeChoice(*expected)


@pytest.mark.parametrize("spec", [GPT_IMAGE_2, SEEDREAM, SMALL], ids=["gpt", "seedream", "small"])
def test_a_free_size_is_always_within_the_limits(spec: SizeSpec) -> None:
    rng = random.Random(7)
    for _ in range(3000):
        order = rng.randint(64, 2048), rng.randint(64, 2048)

        width, height = spec.numbers(choose_size(spec, *order).size)

        assert spec.min_pixels <= width * height <= (spec.max_pixels or width * height), order
        assert width % spec.multiple_of == 0, order
        assert height % spec.multiple_of == 0, order
        if spec.max_ratio is not None:
            assert max(width, height) <= spec.max_ratio * min(width, height), order


@pytest.mark.parametrize("spec", [GPT_IMAGE_2, SEEDREAM], ids=["gpt", "seedream"])
def test_a_free_size_covers_the_order(spec: SizeSpec) -> None:
    rng = random.Random(8)
    for _ in range(1000):
        order = rng.randint(64, 2048), rng.randint(64, 2048)

        width, height = spec.numbers(choose_size(spec, *order).size)

        assert width >= order[0] - spec.multiple_of, order
        assert height >= order[1] - spec.multiple_of, order


def test_a_draft_is_reduced_but_never_enlarged() -> None:
    assert reduced(1280, 720, 640) == (640, 360)
    assert reduced(320, 180, 640) == (320, 180)
    assert reduced(2048, 1, 64) == (64, 1)
