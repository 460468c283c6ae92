"""A batch outlives its run: killed at any moment, nothing is lost or paid for twice."""

from __future__ import annotations

import dataclasses
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from builders.errors import ShopmixError
from builders.llm.ledger import SENT, Ledger
from tests.llm_batch.asking import FAST, questions, right, run
from tests.llm_batch.server import BatchServer, Cut, label

ROOT = Path(__file__).resolve().parents[2]
COUNT = 40


def killed(
    server: BatchServer,
    ledger: Path,
    moment: str = "",
    answers: int = 0,
    when: Callable[[], bool] = lambda: True,
) -> None:
    """A run that is killed when the server is at a moment, or once it has filed some answers."""
    started = threading.Event()
    process: subprocess.Popen[bytes]

    def kill() -> None:
        if not when():
            return
        started.wait()
        process.kill()
        process.wait()
        raise Cut

    if moment:
        server.at[moment] = kill
    arguments = [str(ledger), str(COUNT), str(answers)]
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.llm_batch.asking", *arguments], cwd=ROOT
    )
    started.set()
    assert process.wait(timeout=60) == -signal.SIGKILL
    server.at.clear()


def entries(ledger: Path) -> list[tuple[str, str | None, int]]:
    """(status, batch, how many) in a ledger."""
    opened = Ledger(ledger)
    try:
        query = "SELECT status, batch, count(*) FROM attempts GROUP BY status, batch"
        return [(status, batch, count) for status, batch, count in opened.rows(query)]
    finally:
        opened.close()


def finished(server: BatchServer, ledger: Path) -> list[str]:
    """Run to the end; gives its notes. All is answered and paid for once, to the token."""
    asked = questions(COUNT)
    got = run(ledger, asked)
    assert got.texts == right(asked)
    assert server.billed == {one.key: 1 for one in asked}
    opened = Ledger(ledger)
    assert opened.spent()[1] == server.used.total()
    opened.close()
    assert [(status, count) for status, _, count in entries(ledger)] == [("answer", COUNT)]
    return got.notes


@pytest.mark.parametrize("moment", ["upload", "create"])
def test_killed_before_there_is_a_batch(moment: str, server: BatchServer, tmp_path: Path) -> None:
    """What was entered and not sent is sent by the next run, and is not reserved twice."""
    killed(server, tmp_path / "ledger", moment)
    ((status, batch, count),) = entries(tmp_path / "ledger")
    assert (status, batch is not None, count) == (SENT, moment == "create", COUNT)
    finished(server, tmp_path / "ledger")
    assert len(server.batches) == 1


@pytest.mark.parametrize("moment", ["created", "look", "content"])
def test_killed_once_there_is_a_batch(moment: str, server: BatchServer, tmp_path: Path) -> None:
    killed(server, tmp_path / "ledger", moment)
    notes = finished(server, tmp_path / "ledger")
    assert notes[0] == "batch batch_1: handed in by an earlier run"
    assert len(server.batches) == 1
    assert server.moments["list"] == (moment == "created")


@pytest.mark.parametrize("answers", [1, 17, COUNT])
def test_killed_while_answers_are_filed(answers: int, server: BatchServer, tmp_path: Path) -> None:
    killed(server, tmp_path / "ledger", answers=answers)
    states = {status: count for status, _, count in entries(tmp_path / "ledger")}
    assert states["answer"] == answers
    finished(server, tmp_path / "ledger")
    assert len(server.batches) == 1


def test_killed_while_a_repair_is_on_its_way(server: BatchServer, tmp_path: Path) -> None:
    """What is being repaired is not asked anew."""
    server.answer = lambda body: label(body) if len(body["messages"]) > 2 else "no idea"
    killed(server, tmp_path / "ledger", "look", when=lambda: len(server.batches) == 2)
    got = run(tmp_path / "ledger", questions(COUNT))
    assert len(got.texts) == got.counts.repaired == COUNT
    assert len(server.batches) == 2 and set(server.billed.values()) == {1}


def test_two_runs_at_once_share_a_batch(server: BatchServer, tmp_path: Path) -> None:
    """The second waits for what the first has asked."""
    server.open = False
    asked = threading.Event()
    server.at["look"] = asked.set
    arguments = [
        sys.executable,
        "-m",
        "tests.llm_batch.asking",
        str(tmp_path / "ledger"),
        "40",
        "0",
    ]
    with subprocess.Popen(arguments, cwd=ROOT) as first:
        assert asked.wait(30)
        opening = threading.Timer(1.0, setattr, (server, "open", True))
        opening.start()
        assert finished(server, tmp_path / "ledger") == []
        assert first.wait(timeout=60) == 0
    assert len(server.batches) == 1


def test_killed_again_and_again(server: BatchServer, tmp_path: Path) -> None:
    for moment in ("upload", "create", "create", "created", "list", "look", "content", "content"):
        killed(server, tmp_path / "ledger", moment)
    finished(server, tmp_path / "ledger")
    assert len(server.batches) == 1


def test_a_batch_that_comes_to_be_after_the_kill(server: BatchServer, tmp_path: Path) -> None:
    """The server is slow to create what a run has asked for that is no more."""
    process: list[int] = []
    looked_for = threading.Event()

    def kill_and_wait() -> None:
        os.kill(process[0], signal.SIGKILL)
        assert looked_for.wait(30)

    server.at["create"] = kill_and_wait
    server.at["list"] = looked_for.set
    arguments = [
        sys.executable,
        "-m",
        "tests.llm_batch.asking",
        str(tmp_path / "ledger"),
        "40",
        "0",
    ]
    with subprocess.Popen(arguments, cwd=ROOT) as run_:
        process.append(run_.pid)
        assert run_.wait(timeout=60) == -signal.SIGKILL
    finished(server, tmp_path / "ledger")
    assert len(server.batches) == 1


def test_a_batch_is_found_on_any_page_of_the_list(server: BatchServer, tmp_path: Path) -> None:
    killed(server, tmp_path / "ledger", "created")
    for i in range(250):
        server.batches.append(
            dataclasses.replace(server.batches[0], id=f"other_{i}", metadata={"shopmix": "other"})
        )
    finished(server, tmp_path / "ledger")
    assert server.moments["list"] == 3


def test_a_batch_expires_while_no_run_is_there(server: BatchServer, tmp_path: Path) -> None:
    server.fates = ["expired"]
    killed(server, tmp_path / "ledger", "look")
    finished_ = run(tmp_path / "ledger", questions(COUNT))
    assert finished_.texts == right(questions(COUNT))
    assert [len(made.names) for made in server.batches] == [COUNT, COUNT // 2]
    assert set(server.billed.values()) == {1}


def test_a_later_run_may_ask_for_a_part(server: BatchServer, tmp_path: Path) -> None:
    """The rest of the batch waits for who asks for it."""
    killed(server, tmp_path / "ledger", "look")
    assert run(tmp_path / "ledger", questions(5)).texts == right(questions(5))
    finished(server, tmp_path / "ledger")
    assert len(server.batches) == 1


def test_a_batch_that_is_gone_is_handed_in_anew(server: BatchServer, tmp_path: Path) -> None:
    """And the old one counts as paid."""
    killed(server, tmp_path / "ledger", "content")
    opened = Ledger(tmp_path / "ledger")
    reserved = opened.spent()[1]
    opened.close()
    server.batches.clear()
    server.files.clear()
    server.billed.clear()
    server.used.clear()
    got = run(tmp_path / "ledger", questions(COUNT))
    assert got.texts == right(questions(COUNT))
    assert got.counts.faults == {"batch gone": COUNT}
    opened = Ledger(tmp_path / "ledger")
    assert opened.spent()[1] == reserved + server.used.total()
    opened.close()


@pytest.mark.parametrize("moment", ["upload", "created", "look", "content"])
def test_a_connection_that_breaks_is_borne(
    moment: str, server: BatchServer, tmp_path: Path
) -> None:
    def cut_once() -> None:
        if server.moments[moment] == 1:
            raise Cut

    server.at[moment] = cut_once
    finished(server, tmp_path / "ledger")
    assert len(server.batches) == 1


def test_a_server_that_stays_away_keeps_its_batch(server: BatchServer, tmp_path: Path) -> None:
    def cut() -> None:
        raise Cut

    server.at["look"] = cut
    with pytest.raises(ShopmixError, match="does not answer"):
        run(tmp_path / "ledger", questions(COUNT), pace=dataclasses.replace(FAST, patience=0.2))
    assert [(status, count) for status, _, count in entries(tmp_path / "ledger")] == [(SENT, COUNT)]
    server.at.clear()
    finished(server, tmp_path / "ledger")
    assert len(server.batches) == 1
