"""A cap is never passed, with many at once and through kills: the server's bill is the proof."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest

from builders.errors import ShopmixError
from builders.llm.desk import CapReached
from builders.llm.ledger import Ledger
from builders.llm.money import Cap
from builders.llm.request import Call
from tests.llm.asking import PRICE, PROCESSES, PROMPT, Asking, World, ask, fine, requests
from tests.llm.server import Asked

#: More than a cap of a hundred allows.
TEXTS = fine(400)
#: A server that bills as they do, and one that bills all that it may.
BILLING = pytest.mark.parametrize("greedy", [False, True], ids=["usual", "greedy"])


def _money(log: list[Asked]) -> int:
    return sum(PRICE.of(asked.tokens_in, asked.tokens_out) for asked in log)


def _tokens(log: list[Asked]) -> int:
    return sum(asked.tokens_in + asked.tokens_out for asked in log)


def _worst() -> tuple[int, int]:
    """Picodollars and tokens that one request can take at most."""
    read = max(Call(request).most_tokens_in() for request in requests(TEXTS))
    written = PROMPT.sampling.max_tokens
    return PRICE.of(read, written), read + written


@pytest.fixture
def worth(serve: Callable[..., World]) -> Callable[[bool], Cap]:
    """What a server bills for a hundred of the questions, in money and in tokens."""

    def worth(greedy: bool) -> Cap:
        world = serve(greedy=greedy)
        Asking(world.url, ":memory:").ask(TEXTS[:100])
        return Cap(_money(world.log()), _tokens(world.log()))

    return worth


@BILLING
@pytest.mark.parametrize("option", ["--max-usd", "--max-tokens"])
def test_bill_stays_below_the_cap(
    serve: Callable[..., World],
    worth: Callable[[bool], Cap],
    tmp_path: Path,
    greedy: bool,
    option: str,
) -> None:
    cap = worth(greedy)
    cap = Cap(cap.money, None) if option == "--max-usd" else Cap(None, cap.tokens)
    world = serve(delay=0.01, greedy=greedy)
    with pytest.raises(CapReached, match=rf"{option} to go on") as told:
        Asking(world.url, tmp_path / "ledger", cap).ask(TEXTS)
    assert str(tmp_path / "ledger") in str(told.value)
    assert "what is answered is kept" in str(told.value)

    log, ledger = world.log(), Ledger(tmp_path / "ledger")
    assert ledger.spent() == (_money(log), _tokens(log))
    most, reserved = (cap.money, _worst()[0]) if cap.money else (cap.tokens, _worst()[1])
    billed = _money(log) if cap.money else _tokens(log)
    assert most
    assert most - reserved < billed <= most  # the next one did not fit
    keys = [request.key for request in requests(TEXTS)]
    assert len(ledger.answers(keys)) == len(log)
    ledger.close()


def test_raised_cap_goes_on_where_it_stopped(serve: Callable[..., World], tmp_path: Path) -> None:
    world, texts = serve(), fine(40)
    with pytest.raises(CapReached):
        Asking(world.url, tmp_path / "ledger", Cap(None, 3 * _worst()[1])).ask(texts)
    Asking(world.url, tmp_path / "ledger", Cap(None, 60 * _worst()[1])).ask(texts)
    assert sorted(asked.text for asked in world.log()) == sorted(texts)


def test_cap_of_nothing_sends_nothing(serve: Callable[..., World]) -> None:
    world = serve()
    with pytest.raises(CapReached, match=r"has spent \$0\.0000 of \$0\.0000"):
        Asking(world.url, ":memory:", Cap(0, None)).ask(TEXTS)
    assert world.log() == []


@BILLING
def test_processes_share_the_cap_of_a_ledger(
    serve: Callable[..., World], worth: Callable[[bool], Cap], tmp_path: Path, greedy: bool
) -> None:
    cap, world = worth(greedy), serve(delay=0.01, greedy=greedy)
    asking = Asking(world.url, tmp_path / "ledger", Cap(cap.money, None))
    with ProcessPoolExecutor(4, PROCESSES) as pool:
        runs = [pool.submit(ask, asking, TEXTS[i::4]) for i in range(4)]
        errors = [run.exception() for run in runs]
    assert {type(error) for error in errors} == {CapReached}
    assert cap.money
    # where all four stop at once, what the others held back is left
    assert cap.money - 4 * 64 * _worst()[0] < _money(world.log()) <= cap.money


@BILLING
def test_kill_does_not_lift_the_cap(
    serve: Callable[..., World], worth: Callable[[bool], Cap], tmp_path: Path, greedy: bool
) -> None:
    cap, world = worth(greedy), serve(delay=0.05, greedy=greedy)
    asking = Asking(world.url, tmp_path / "ledger", Cap(cap.money, None))
    process = PROCESSES.Process(target=ask, args=(asking, TEXTS))
    process.start()
    seen = len(world.log(count=8))
    process.kill()
    process.join()
    process.close()

    ledger = Ledger(tmp_path / "ledger")
    ((lost,),) = ledger.rows("SELECT count(*) FROM attempts WHERE status='sent'")
    ledger.close()
    assert lost
    with pytest.raises(ShopmixError, match="--max-usd"):
        asking.ask(TEXTS)
    assert cap.money
    assert seen < len(world.log())
    assert cap.money - (lost + 1) * _worst()[0] < _money(world.log()) <= cap.money
