"""Who is the operator: the password, what a wrong one costs, and which tab is remembered."""

import asyncio

import pytest
from pydantic import SecretStr

from komadori.domain.ids import SessionId
from komadori.errors import RequestRejected
from komadori.ui.operator import REMEMBERED_S, Operator

pytestmark = pytest.mark.unit

RIGHT = "correct horse"
OURS, OTHERS = SessionId("ours"), SessionId("others")


class Clock:
    """A clock that is set by hand."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


def make_operator(clock: Clock | None = None, wrong_costs_s: float = 0.0) -> Operator:
    return Operator(SecretStr(RIGHT), wrong_costs_s=wrong_costs_s, clock=clock or Clock())


async def code_of(operator: Operator, given: object) -> str:
    """Return why a password was refused; empty: it was not."""
    try:
        await operator.check(given)
    except RequestRejected as exc:
        return exc.code
    return ""


async def test_only_the_right_password_is_taken() -> None:
    operator = make_operator()

    assert await code_of(operator, RIGHT) == ""
    assert await code_of(operator, "wrong") == "operator_wrong"
    assert await code_of(operator, RIGHT + "é") == "operator_wrong"
    assert await code_of(operator, "") == "operator_missing"
    assert await code_of(operator, {"a": 1}) == "operator_missing"


async def test_without_a_password_nobody_is_the_operator() -> None:
    for operator in (Operator(None), Operator(SecretStr(""))):
        assert await code_of(operator, "anything") == "operator_unset"
        operator.remember(OURS, "tab")
        assert not operator.knows(OURS, "tab")


async def test_guesses_are_tried_one_after_another_and_few_may_wait() -> None:
    operator = make_operator(wrong_costs_s=0.02)
    loop = asyncio.get_running_loop()
    began = loop.time()

    codes = await asyncio.gather(*(code_of(operator, f"guess {number}") for number in range(8)))

    assert codes.count("operator_wrong") == 5
    assert codes.count("operator_busy") == 3
    assert loop.time() - began >= 5 * 0.02
    assert await code_of(operator, RIGHT) == ""


async def test_a_right_password_waits_behind_the_wrong_ones() -> None:
    """Else whoever tries many at once would see from its speed which one is right."""
    operator = make_operator(wrong_costs_s=0.05)
    wrong = asyncio.create_task(code_of(operator, "wrong"))
    await asyncio.sleep(0)
    right = asyncio.create_task(code_of(operator, RIGHT))

    await asyncio.sleep(0.01)

    assert not right.done()
    assert (await wrong, await right) == ("operator_wrong", "")


def test_a_tab_is_remembered_for_a_while_and_no_other_one_is() -> None:
    clock = Clock()
    operator = make_operator(clock)

    operator.remember(OURS, "tab")

    assert operator.knows(OURS, "tab")
    assert not operator.knows(OURS, "another tab")
    assert not operator.knows(OTHERS, "tab")
    clock.now += REMEMBERED_S
    assert not operator.knows(OURS, "tab")


def test_a_tab_can_be_locked_again() -> None:
    operator = make_operator()
    operator.remember(OURS, "tab")

    operator.forget(OURS, "tab")

    assert not operator.knows(OURS, "tab")
