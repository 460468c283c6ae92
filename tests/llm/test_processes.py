"""Several processes at once on one ledger: each question is sent by one of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from builders.llm.exchange import flaws
from builders.llm.ledger import Answer, Ledger
from tests.llm.asking import PROCESSES, Asking, World, ask, fine
from tests.llm.server import FAILED, REPAIRED

PROCESS_COUNT = 4


def _open(paths: list[Path]) -> None:
    for path in paths:
        Ledger(path).close()


def test_processes_may_create_a_ledger_at_once(tmp_path: Path) -> None:
    paths = [tmp_path / str(number) for number in range(100)]
    with ProcessPoolExecutor(PROCESS_COUNT, PROCESSES) as pool:
        runs = [pool.submit(_open, paths) for _ in range(PROCESS_COUNT)]
        assert [run.exception() for run in runs] == [None] * PROCESS_COUNT


def test_same_questions_are_sent_once(serve: Callable[..., World], tmp_path: Path) -> None:
    world, texts = serve(delay=0.01), fine(200)
    asking = Asking(world.url, tmp_path / "ledger", workers=16)
    with ProcessPoolExecutor(PROCESS_COUNT, PROCESSES) as pool:
        runs = [pool.submit(ask, asking, texts) for _ in range(PROCESS_COUNT)]
        found = [run.result() for run in runs]

    assert Counter(asked.text for asked in world.log()) == Counter(texts)
    assert all(outcomes == found[0][0] for outcomes, _ in found)
    assert all(isinstance(outcome, Answer) for outcome in found[0][0])
    assert sum(counts.answered for _, counts in found) == len(texts)
    assert all(counts.done == len(texts) for _, counts in found)
    ledger = Ledger(tmp_path / "ledger")
    assert list(flaws(ledger)) == []
    ledger.close()


def test_what_fails_or_is_repaired_is_sent_no_more_often(
    serve: Callable[..., World], tmp_path: Path
) -> None:
    world, kinds = serve(delay=0.01), [*REPAIRED, *FAILED]
    texts = [f"{i} {kinds[i % len(kinds)]}" for i in range(20 * len(kinds))]
    asking = Asking(world.url, tmp_path / "ledger", workers=16)
    with ProcessPoolExecutor(PROCESS_COUNT, PROCESSES) as pool:
        runs = [pool.submit(ask, asking, texts) for _ in range(PROCESS_COUNT)]
        found = [run.result()[0] for run in runs]

    log = world.log()
    assert Counter(asked.text for asked in log if not asked.repair) == Counter(texts)
    repaired = Counter(
        text for text in texts if text.split()[1] in {*REPAIRED, "blank", "nonsense"}
    )
    assert Counter(asked.text for asked in log if asked.repair) == repaired
    assert all(outcomes == found[0] for outcomes in found)


def test_one_waits_for_what_another_asks(serve: Callable[..., World], tmp_path: Path) -> None:
    world = serve(delay=0.3)
    asking = Asking(world.url, tmp_path / "ledger")
    with ProcessPoolExecutor(1, PROCESSES) as pool:
        other = pool.submit(ask, asking, ["1 fine"])
        world.log(count=1)  # it is on its way
        mine, counts = asking.ask(["1 fine"])
        assert mine == other.result()[0]
    assert len(world.log()) == 1
    assert (counts.cached, counts.answered) == (1, 0)


def test_what_a_killed_process_asked_is_asked_by_the_next(
    serve: Callable[..., World], tmp_path: Path
) -> None:
    world = serve()
    asking = Asking(world.url, tmp_path / "ledger")
    process = PROCESSES.Process(target=ask, args=(asking, ["1 late"]))
    process.start()
    world.log(count=1)  # it waits for an answer that does not come
    process.kill()
    process.join()
    process.close()
    (answer,), _ = asking.ask(["1 late"])
    assert isinstance(answer, Answer)
    assert len(world.log()) == 2
