"""As many requests at once as a server bears: more while all goes well, half when it does not."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import httpx2
import openai
import pytest

from builders.llm.backends.online import _wait
from builders.llm.limiter import Limiter
from tests.llm.asking import Asking, World, fine


def _overloaded(limiter: Limiter, sent: float | None = None, after: float | None = None) -> None:
    limiter.overloaded(time.monotonic() if sent is None else sent, after)


def _opened(limiter: Limiter, answers: int) -> int:
    for _ in range(answers):
        limiter.succeeded()
    return int(limiter.open)


def test_it_begins_with_one_and_doubles_each_round() -> None:
    limiter, sizes = Limiter(64), [1]
    for _ in range(7):
        sizes.append(_opened(limiter, sizes[-1]))
    assert sizes == [1, 2, 4, 8, 16, 32, 64, 64]


def test_it_grows_by_one_a_round_after_it_was_refused() -> None:
    limiter = Limiter(64)
    assert _opened(limiter, 15) == 16
    _overloaded(limiter)
    assert int(limiter.open) == 8
    assert _opened(limiter, 9) == 9


def test_it_halves_once_for_all_that_left_before_a_refusal() -> None:
    limiter, sent = Limiter(64), time.monotonic()
    _opened(limiter, 63)
    for _ in range(10):
        _overloaded(limiter, sent)
    assert limiter.open == 32
    _overloaded(limiter)
    assert limiter.open == 16


def test_it_never_closes() -> None:
    limiter = Limiter(64)
    for _ in range(10):
        _overloaded(limiter)
    assert limiter.open == 1


def test_one_that_does_not_adapt_is_always_open() -> None:
    limiter = Limiter(64, adaptive=False)
    _overloaded(limiter)
    assert limiter.open == 64


def test_no_more_than_are_open_are_on_their_way() -> None:
    async def most(open_: int) -> int:
        limiter, now, most = Limiter(64), 0, 0
        limiter.open = float(open_)

        async def one() -> None:
            nonlocal now, most
            await limiter.acquire()
            now += 1
            most = max(most, now)
            await asyncio.sleep(0)
            now -= 1
            limiter.release()

        await asyncio.gather(*(one() for _ in range(100)))
        assert limiter.used == 0
        return most

    assert asyncio.run(most(1)) == 1
    assert asyncio.run(most(7)) == 7


def test_those_that_wait_go_first() -> None:
    async def order() -> list[str]:
        limiter, came = Limiter(1), list[str]()

        async def one(name: str) -> None:
            await limiter.acquire()
            came.append(name)
            await asyncio.sleep(0)
            limiter.release()

        await asyncio.gather(*(one(name) for name in "abcd"))
        return came

    assert asyncio.run(order()) == ["a", "b", "c", "d"]


@pytest.mark.parametrize("steps", range(4))
def test_slot_of_one_that_is_cancelled_is_free(steps: int) -> None:
    async def run() -> None:
        limiter = Limiter(1)
        await limiter.acquire()
        waiting = asyncio.create_task(limiter.acquire())
        await asyncio.sleep(0)
        limiter.release()  # the slot is given to the one that waits
        _overloaded(limiter, after=60.0)  # which waits on, with the slot
        for _ in range(steps):
            await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        assert waiting.cancelled()
        assert limiter.used == 0

    asyncio.run(run())


def test_all_wait_as_long_as_the_server_asks() -> None:
    async def waited() -> float:
        limiter, start = Limiter(8), time.monotonic()
        _overloaded(limiter, after=0.2)
        _overloaded(limiter, after=0.1)
        await asyncio.gather(*(limiter.acquire() for _ in range(1)))
        return time.monotonic() - start

    assert asyncio.run(waited()) >= 0.2


def test_where_not_one_is_borne_pauses_double_until_an_answer_comes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pauses = list[float]()

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)
        clock[0] += seconds

    clock = [100.0]
    monkeypatch.setattr("builders.llm.limiter.asyncio.sleep", sleep)
    monkeypatch.setattr("builders.llm.limiter.time.monotonic", lambda: clock[0])

    async def fail(times: int) -> None:
        for _ in range(times):
            await limiter.acquire()
            sent = clock[0]
            clock[0] += 0.01
            limiter.overloaded(sent, None)
            limiter.release()

    limiter = Limiter(8)
    asyncio.run(fail(9))
    assert pauses == pytest.approx([0.5, 1, 2, 4, 8, 16, 30, 30])
    limiter.succeeded()
    limiter.open = 1.0
    pauses.clear()
    asyncio.run(fail(3))
    assert pauses == pytest.approx([30, 0.5, 1])


# what the server says


def _error(headers: dict[str, str]) -> openai.RateLimitError:
    request = httpx2.Request("POST", "http://localhost/v1")
    response = httpx2.Response(429, headers=headers, request=request)
    return openai.RateLimitError("", response=response, body=None)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "3"}, 3),
        ({"retry-after": "0.25"}, 0.25),
        ({"retry-after-ms": "250", "retry-after": "1"}, 0.25),
        ({"retry-after": "soon"}, None),
    ],
)
def test_retry_after_is_read(headers: dict[str, str], seconds: float | None) -> None:
    assert _wait(_error(headers)) == seconds


def test_retry_after_may_be_a_date() -> None:
    error = _error({"retry-after": "Fri, 01 Jan 2100 00:00:00 GMT"})
    assert _wait(error) == pytest.approx(4_102_444_800 - time.time(), abs=60)


# a server that bears so many


@pytest.mark.parametrize("bears", [1, 4, 16])
def test_all_are_answered_and_the_server_is_not_overrun(
    serve: Callable[..., World], tmp_path: Path, bears: int
) -> None:
    world, texts = serve(at_once=bears, delay=0.01), fine(40 + 10 * bears)
    _, counts = Asking(world.url, tmp_path / "ledger").ask(texts)
    assert counts.answered == len(texts)
    assert not counts.failed
    log = world.log()
    assert counts.faults["rate limited"] == len(log) - len(texts)
    refused = sum(asked.status == 429 for asked in log)
    assert refused < len(log) / 2
    later = [asked.at_once for asked in log[len(log) // 2 :]]
    assert sum(now <= 2 * bears for now in later) > 0.9 * len(later)


def test_server_that_bears_all_gets_all(serve: Callable[..., World], tmp_path: Path) -> None:
    world = serve(delay=0.3)
    Asking(world.url, tmp_path / "ledger", workers=16).ask(fine(80))
    assert max(asked.at_once for asked in world.log()) == 16


def test_wait_that_the_server_asks_for_is_kept(serve: Callable[..., World], tmp_path: Path) -> None:
    world = serve()
    start = time.monotonic()
    _, counts = Asking(world.url, tmp_path / "ledger").ask(["1 wait"])
    assert time.monotonic() - start >= 0.1
    assert counts.faults == {"rate limited": 1}
    assert counts.answered == 1
