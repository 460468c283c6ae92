"""What the ledger files, serves, and counts."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from builders.errors import ShopmixError
from builders.llm.exchange import flaws
from builders.llm.ledger import ANSWERED, FINAL, Answer, Denied, Failure, Ledger
from builders.llm.money import Cap
from builders.llm.request import Call, Prompt, Reply, Request
from tests.llm.asking import PRICE, PROMPT, Asking, World, fine, requests
from tests.llm.server import FAILED, TOKENS_OUT

REQUEST = Request(PROMPT, "1 fine")
ANSWER = Reply('{"label": "a"}', "stop", 30, 10, 0.5, "{}")
SAMPLING = PROMPT.sampling


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    made = Ledger(tmp_path / "ledger")
    yield made
    assert list(flaws(made)) == []
    made.close()


def _reserve(ledger: Ledger, call: Call, **more: Any) -> int | Denied:
    return ledger.reserve(call, "test", "openai", 700, 100, Cap(), **more)


def _entered(ledger: Ledger, call: Call, **more: Any) -> int:
    entry = _reserve(ledger, call, **more)
    assert isinstance(entry, int)
    return entry


def _settle(ledger: Ledger, entry: int, status: str, reply: Reply | None = None) -> None:
    ledger.settle(entry, REQUEST, status, 300, 40, reply, "openai:test-model")


# keys


@pytest.mark.parametrize(
    "other",
    [
        Request(replace(PROMPT, model="other"), "1 fine"),
        Request(replace(PROMPT, messages=(("system", "Name it."),)), "1 fine"),
        Request(replace(PROMPT, messages=(("user", "Name the label."),)), "1 fine"),
        Request(replace(PROMPT, schema=None), "1 fine"),
        Request(replace(PROMPT, schema='{"type": "object"}'), "1 fine"),
        Request(replace(PROMPT, sampling=replace(SAMPLING, seed=1)), "1 fine"),
        Request(replace(PROMPT, sampling=replace(SAMPLING, max_tokens=21)), "1 fine"),
        Request(replace(PROMPT, sampling=replace(SAMPLING, temperature=0.5)), "1 fine"),
        Request(replace(PROMPT, sampling=replace(SAMPLING, top_p=0.9)), "1 fine"),
        Request(PROMPT, "1 fine", index=1),
        Request(PROMPT, "1 fine "),
    ],
    ids="model system role free schema seed max_tokens temperature top_p index text".split(),
)
def test_what_decides_the_answer_is_in_the_key(other: Request) -> None:
    assert other.key != REQUEST.key


def test_key_is_the_same_in_all_versions() -> None:
    assert REQUEST.key == "f41968ccb4663943e800dd7efd34f62b"
    assert Prompt.of(PROMPT.content) == PROMPT


def test_how_it_is_asked_is_not_in_the_key(serve: Callable[..., World], tmp_path: Path) -> None:
    asking = Asking(serve().url, tmp_path / "ledger")
    asking.ask(["1 fine"])
    world = serve(key="sk-other")
    other = replace(asking, url=world.url, key="sk-other", workers=1, timeout=1.0, cap=Cap(0, 0))
    _, counts = other.ask(["1 fine"])
    assert counts.cached == 1
    assert world.log() == []


def test_text_that_looks_like_an_index_has_a_key_of_its_own() -> None:
    assert Request(PROMPT, "1\x1fa", 0).key != Request(PROMPT, "a", 1).key


# what is served


@pytest.mark.parametrize("status", FINAL)
def test_what_failed_is_never_served_and_never_sent_again(
    serve: Callable[..., World], tmp_path: Path, status: str
) -> None:
    (kind,) = (kind for kind, name in FAILED.items() if name == status)
    world = serve()
    asking = Asking(world.url, tmp_path / "ledger")
    texts = ["0 fine", f"1 {kind}"]
    (_, first), counts = asking.ask(texts)
    assert isinstance(first, Failure)
    assert first.status == status
    assert counts.failed == {status: 1}
    sent = len(world.log())

    (_, second), _ = asking.ask(texts)
    assert second == first
    assert len(world.log()) == sent
    ledger = Ledger(tmp_path / "ledger")
    assert ledger.answers([request.key for request in requests(texts[1:])]) == {}
    ledger.close()

    replace(asking, retry_failed=True).ask(texts)
    assert len(world.log()) == 2 * sent - 1


def test_retry_pays_for_no_answer_again(serve: Callable[..., World], tmp_path: Path) -> None:
    world, texts = serve(), ["1 fine", "2 refusal"]
    asking = Asking(world.url, tmp_path / "ledger")
    asking.ask(texts)
    replace(asking, retry_failed=True).ask(texts)
    assert [asked.text for asked in world.log()].count("1 fine") == 1


def test_kill_between_an_answer_that_is_not_valid_and_its_repair_sends_the_repair_alone(
    serve: Callable[..., World], tmp_path: Path, ledger: Ledger
) -> None:
    (request,) = requests(["1 broken"])
    entry = _entered(ledger, Call(request))
    _settle(ledger, entry, "not valid", replace(ANSWER, text='{"label": '))
    world = serve()
    (answer,), counts = Asking(world.url, tmp_path / "ledger").ask(["1 broken"])
    assert isinstance(answer, Answer)
    assert counts.repaired == 1
    assert [asked.repair for asked in world.log()] == [True]


def test_all_that_came_is_kept(serve: Callable[..., World], tmp_path: Path) -> None:
    Asking(serve().url, tmp_path / "ledger").ask(["1 broken"])
    with sqlite3.connect(tmp_path / "ledger") as read:
        rows = read.execute(
            "SELECT status, repair, detail, text, finish, tokens_out, seconds > 0, raw, label, "
            "model, provider FROM attempts ORDER BY id"
        ).fetchall()
    read.close()
    assert [row[:3] for row in rows] == [
        ("not valid", 0, "not JSON (JSONDecodeError)"),
        (ANSWERED, 1, None),
    ]
    for _, _, _, text, *rest, raw, label, model, provider in rows:
        assert json.loads(raw)["choices"][0]["message"]["content"] == text
        assert rest == ["stop", TOKENS_OUT, 1]
        assert (label, model, provider) == ("test", "test-model", "openai")


# sums


def test_sums_are_exact(serve: Callable[..., World], tmp_path: Path) -> None:
    world, texts = serve(), [*fine(50), "50 broken", "51 error", "52 refusal", "53 long"]
    _, counts = Asking(world.url, tmp_path / "ledger").ask(texts)
    log = world.log()
    money = sum(PRICE.of(asked.tokens_in, asked.tokens_out) for asked in log)
    tokens = sum(asked.tokens_in + asked.tokens_out for asked in log)
    assert (counts.money, counts.tokens) == (money, tokens)
    ledger = Ledger(tmp_path / "ledger")
    assert ledger.spent() == (money, tokens)
    assert list(flaws(ledger)) == []
    ledger.close()


@pytest.mark.parametrize("kind", ["cut", "dropped", "garbled", "late"])
def test_what_may_have_been_paid_for_counts_at_its_worst(
    serve: Callable[..., World], tmp_path: Path, kind: str
) -> None:
    text = f"1 {kind}"
    _, counts = Asking(serve().url, tmp_path / "ledger", timeout=0.5).ask([text])
    worst = Call(Request(PROMPT, text)).most_tokens_in() + SAMPLING.max_tokens
    with sqlite3.connect(tmp_path / "ledger") as read:
        rows = read.execute("SELECT tokens FROM attempts ORDER BY id").fetchall()
    read.close()
    assert rows[0] == (worst,)
    assert rows[1][0] < worst
    assert counts.tokens == sum(tokens for (tokens,) in rows)


def test_what_is_sent_counts_at_its_worst_until_it_is_settled(ledger: Ledger) -> None:
    entry = _entered(ledger, Call(REQUEST))
    assert ledger.spent() == (700, 100)
    _settle(ledger, entry, ANSWERED, ANSWER)
    assert ledger.spent() == (300, 40)


# several runs


def test_run_that_lives_is_waited_for_and_one_that_died_is_not(
    ledger: Ledger, tmp_path: Path
) -> None:
    _entered(ledger, Call(REQUEST))
    other = Ledger(tmp_path / "ledger")
    assert _reserve(other, Call(REQUEST)) is Denied.ELSEWHERE
    with sqlite3.connect(tmp_path / "ledger") as write:
        write.execute("UPDATE runs SET seen = seen - 3600")
    write.close()
    assert isinstance(_reserve(other, Call(REQUEST)), int)
    other.close()


def test_other_run_hears_of_an_answer_and_of_a_failure(ledger: Ledger, tmp_path: Path) -> None:
    other, call = Ledger(tmp_path / "ledger"), Call(REQUEST)
    failed = _entered(ledger, call)
    _settle(ledger, failed, "not valid", ANSWER)
    assert _reserve(other, call) is Denied.FAILED
    assert other.failures([REQUEST.key])[REQUEST.key].attempt == failed
    repair = Call(REQUEST, ("{", "not JSON"))
    _settle(other, _entered(other, repair, known=failed), ANSWERED, ANSWER)
    assert _reserve(ledger, repair, known=failed) is Denied.ANSWERED
    other.close()


def test_entry_that_can_still_be_answered_is_adopted(ledger: Ledger, tmp_path: Path) -> None:
    call, repair = Call(REQUEST), Call(REQUEST, ("{", "not JSON"))
    sent = _entered(ledger, call)
    ledger.write("UPDATE attempts SET batch='batch-1'")
    ledger.write("UPDATE runs SET seen = seen - 3600")
    spent = ledger.spent()
    heir = Ledger(tmp_path / "ledger")
    assert _reserve(heir, call, resumes=True) == sent
    assert heir.spent() == spent  # it was counted when it was sent
    assert _reserve(ledger, call, resumes=True) is Denied.ELSEWHERE
    assert _entered(heir, repair, resumes=True) != sent
    heir.close()


# files


def test_file_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no database, but long enough to look at" * 9)
    with sqlite3.connect(tmp_path / "other") as write:
        write.execute("CREATE TABLE birds (name TEXT)")
    write.close()
    for name in ("text", "other", "."):
        with pytest.raises(ShopmixError, match=str(tmp_path / name)):
            Ledger(tmp_path / name)


def test_folder_is_made(tmp_path: Path) -> None:
    Ledger(tmp_path / "a" / "b" / "ledger").close()
    assert (tmp_path / "a" / "b" / "ledger").is_file()
