"""Nothing is paid for twice and nothing is lost, whatever fails and whenever a run is killed."""

from __future__ import annotations

import random
import sqlite3
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from builders.llm.desk import Counts, look_up
from builders.llm.exchange import flaws
from builders.llm.ledger import Answer, Failure, Ledger
from tests.llm.asking import PROCESSES, Asking, World, ask, requests
from tests.llm.server import FAILED, PASSING, REPAIRED

COUNT, KILLS, WORKERS = 5_000, 20, 64
#: How many questions meet each of the faults; a late answer costs time.
EACH, LATE = 12, 4
#: Calls between two kills, at most: all kills come before all is answered.
_BETWEEN = 2 * COUNT // (KILLS + 5)


def _texts() -> list[str]:
    kinds = [kind for kind in (*PASSING, *REPAIRED, *FAILED) if kind != "late"] * EACH
    kinds += ["late"] * LATE
    kinds += ["fine"] * (COUNT - len(kinds))
    random.Random(0).shuffle(kinds)
    return [f"{i} {kind}" for i, kind in enumerate(kinds)]


TEXTS = _texts()
KINDS = Counter(text.split()[1] for text in TEXTS)
KEYS = [request.key for request in requests(TEXTS)]
#: Calls that a question takes where no one is killed.
CALLS = {
    text: 2 if text.split()[1] in {*PASSING, *REPAIRED, "blank", "nonsense"} else 1
    for text in TEXTS
}


@dataclass
class Kill:
    """What stood in the ledger when a run was killed, and how many calls the server had seen.

    answered, on_way: texts.
    """

    answered: set[str]
    on_way: set[str]
    calls: int


@dataclass
class Run:
    """All questions, asked of a server of their own into a ledger of their own."""

    world: World
    ledger: Path
    counts: Counts = field(default_factory=Counts)
    kills: list[Kill] = field(default_factory=list)

    @property
    def asking(self) -> Asking:
        return Asking(self.world.url, self.ledger, workers=WORKERS, timeout=5.0)

    def outcomes(self) -> dict[str, str]:
        """The answer, or why there is none, by key."""
        ledger = Ledger(self.ledger)
        assert list(flaws(ledger)) == []
        found = look_up(ledger, KEYS)
        ledger.close()
        return {key: _told(outcome) for key, outcome in found.items()}


def _told(outcome: Answer | Failure) -> str:
    return outcome.text if isinstance(outcome, Answer) else outcome.status


def _killed(run: Run) -> None:
    """Ask, and be killed while asking, until all is answered."""
    chance, seen, on_way = random.Random(4), 0, set[int]()
    while len(run.kills) < KILLS:
        process = PROCESSES.Process(target=ask, args=(run.asking, TEXTS))
        process.start()
        run.world.log(seen + chance.randrange(1, _BETWEEN))
        time.sleep(chance.random() / 100)
        assert process.is_alive()
        process.kill()
        process.join()
        process.close()
        with sqlite3.connect(run.ledger) as read:
            rows = "SELECT {} FROM {} JOIN requests USING (key)"
            answered = {text for (text,) in read.execute(rows.format("requests.text", "answers"))}
            sent = dict(
                read.execute(
                    rows.format("attempts.id, requests.text", "attempts") + " WHERE status='sent'"
                )
            )
        read.close()
        seen = len(run.world.log())
        run.kills.append(Kill(answered, {sent[i] for i in sent.keys() - on_way}, seen))
        on_way |= sent.keys()
    _, run.counts = run.asking.ask(TEXTS)


@pytest.fixture(scope="module")
def runs(serve: Callable[..., World], tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, Run]:
    """An undisturbed run, and one that is killed again and again."""
    folder = tmp_path_factory.mktemp("kills")
    calm, killed = (Run(serve(delay=0.002), folder / name) for name in ("calm.db", "killed.db"))
    with ProcessPoolExecutor(1, PROCESSES) as pool:
        undisturbed = pool.submit(ask, calm.asking, TEXTS)
        _killed(killed)
        _, calm.counts = undisturbed.result()
    return calm, killed


def test_undisturbed_run_names_exactly_what_was_injected(runs: tuple[Run, Run]) -> None:
    calm, _ = runs
    faults: Counter[str] = Counter()
    for kind, name in (PASSING | REPAIRED).items():
        faults[name] += KINDS[kind]
    for kind in ("blank", "nonsense"):  # they were repaired in vain
        faults[FAILED[kind]] += KINDS[kind]
    failed = Counter({name: KINDS[kind] for kind, name in FAILED.items()})

    counts = calm.counts
    assert counts.faults == faults
    assert counts.failed == failed
    assert counts.repaired == sum(KINDS[kind] for kind in REPAIRED)
    assert counts.answered == COUNT - failed.total()
    assert (counts.total, counts.done, counts.cached) == (COUNT, COUNT, 0)


def test_undisturbed_run_sends_each_request_as_often_as_it_must(runs: tuple[Run, Run]) -> None:
    calm, _ = runs
    assert Counter(asked.text for asked in calm.world.log()) == CALLS


def test_kills_come_while_there_is_work(runs: tuple[Run, Run]) -> None:
    _, killed = runs
    assert len(killed.kills) == KILLS
    for kill in killed.kills:
        assert len(kill.answered) < COUNT
        assert len(kill.on_way) <= WORKERS
    assert sum(len(kill.on_way) for kill in killed.kills) > KILLS


def test_what_was_answered_before_a_kill_is_never_asked_again(runs: tuple[Run, Run]) -> None:
    _, killed = runs
    log = killed.world.log()
    for kill in killed.kills:
        assert not kill.answered & {asked.text for asked in log[kill.calls :]}


def test_only_what_was_on_its_way_at_a_kill_is_sent_again(runs: tuple[Run, Run]) -> None:
    _, killed = runs
    lost = Counter(text for kill in killed.kills for text in kill.on_way)
    sent = Counter(asked.text for asked in killed.world.log())
    again = {text: count - CALLS[text] for text, count in sent.items() if count > CALLS[text]}
    assert again
    assert all(count <= lost[text] for text, count in again.items())


def test_nothing_is_lost_and_answers_are_those_of_an_undisturbed_run(
    runs: tuple[Run, Run],
) -> None:
    calm, killed = runs
    found = killed.outcomes()
    assert len(found) == COUNT
    assert found == calm.outcomes()
    assert killed.counts.done == COUNT
    assert set(KINDS) == {"fine", *PASSING, *REPAIRED, *FAILED}


def test_bill_is_never_more_than_the_ledger_says(runs: tuple[Run, Run]) -> None:
    for run in runs:
        billed = sum(asked.tokens_in + asked.tokens_out for asked in run.world.log())
        ledger = Ledger(run.ledger)
        _, tokens = ledger.spent()
        ledger.close()
        assert billed <= tokens
