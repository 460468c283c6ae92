"""OpenAI's Batch API as a backend: files, limits, what fails, and what it costs."""

from __future__ import annotations

import json
import traceback
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.request import Request as HttpRequest
from urllib.request import urlopen

import pytest

from builders.errors import ShopmixError
from builders.llm.backends.online import PLAIN, WORDS
from builders.llm.desk import CapReached
from builders.llm.ledger import Failure, Ledger
from builders.llm.money import Cap, dollars, price_of
from builders.llm.request import Call, Prompt, Request, Sampling
from builders.llm.session import Session
from builders.llm.settings import LlmSettings
from tests.llm.asking import PRICE
from tests.llm_batch.asking import (
    PROMPT,
    flaw,
    questions,
    right,
    run,
)
from tests.llm_batch.server import KEY, MODEL, BatchServer, label


def spent(ledger: Path) -> tuple[int, int]:
    opened = Ledger(ledger)
    try:
        return opened.spent()
    finally:
        opened.close()


def statuses(ledger: Path) -> dict[str, int]:
    opened = Ledger(ledger)
    try:
        return dict(opened.rows("SELECT status, count(*) FROM attempts GROUP BY status"))
    finally:
        opened.close()


def test_a_batch_answers_all_calls_whatever_the_order_of_its_lines(
    server: BatchServer, tmp_path: Path
) -> None:
    asked = questions(200)
    got = run(tmp_path / "ledger", asked)
    assert got.texts == right(asked)
    assert [sorted(made.names) for made in server.batches] == [sorted(one.key for one in asked)]
    assert {one.generator for one in got.found if not isinstance(one, Failure)} == {
        f"batch:{MODEL}"
    }
    used = server.used
    money = PRICE.of(used["read"], used["written"])
    assert spent(tmp_path / "ledger") == (money, used.total())
    assert "batch batch_1: 200 requests handed in" in got.notes
    assert got.notes[-1] == "batch batch_1 is completed, 100 % done"

    again = run(tmp_path / "ledger", asked)
    assert again.texts == right(asked)
    assert (again.counts.cached, len(server.batches)) == (200, 1)


def test_lines_are_the_protocols(server: BatchServer, tmp_path: Path) -> None:
    (asked,) = questions(1)
    run(tmp_path / "ledger", [asked])
    (line,) = server.batches[0].asked
    schema = json.loads(PROMPT.schema or "")
    del schema["properties"]["label"]["minLength"]
    assert line == {
        "custom_id": asked.key,
        "method": "POST",
        "url": "/v1/chat/completions",
        "body": {
            "model": MODEL,
            "messages": [
                {"role": "system", "content": "Name the label."},
                {"role": "user", "content": "question 0"},
            ],
            "max_completion_tokens": 20,
            "temperature": 0.0,
            "seed": 0,
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "answer", "strict": True, "schema": schema},
            },
        },
    }


def test_files_are_split_at_the_most_lines(server: BatchServer, tmp_path: Path) -> None:
    server.most_lines = 10
    asked = questions(25)
    assert run(tmp_path / "ledger", asked, most_lines=10).texts == right(asked)
    assert sorted(len(made.names) for made in server.batches) == [5, 10, 10]


def test_files_are_split_at_the_most_bytes(server: BatchServer, tmp_path: Path) -> None:
    server.most_bytes = 4_000
    asked = [Request(PROMPT, f"{i} {'é' * 100 * i}") for i in range(10)]
    assert run(tmp_path / "ledger", asked, most_bytes=4_000).texts == right(asked)
    sizes = [len(server.files[made.file]) for made in server.batches]
    assert len(sizes) > 2 and max(sizes) <= 4_000


def test_batches_wait_for_room(server: BatchServer, tmp_path: Path) -> None:
    """Of three batches, one has room at a time."""
    asked = questions(30)
    server.room = 350
    server.at["look"] = lambda: setattr(server, "open", any(made.errors for made in server.batches))
    got = run(tmp_path / "ledger", asked, most_lines=10)
    assert got.texts == right(asked)
    assert set(server.billed.values()) == {1}
    assert "no room for a further batch: waiting until one has ended" in got.notes
    accepted = [made for made in server.batches if not made.errors]
    assert [len(made.names) for made in accepted] == [10, 10, 10]
    assert len(server.batches) <= 5  # each waits for its turn, and does not try all the time


def test_a_batch_that_never_has_room_is_halved(server: BatchServer, tmp_path: Path) -> None:
    asked = questions(40)
    server.room = 350
    got = run(tmp_path / "ledger", asked)
    assert got.texts == right(asked)
    assert set(server.billed.values()) == {1}
    assert max(len(made.names) for made in server.batches if not made.errors) == 10


@pytest.mark.parametrize("fate", ["expired", "failed"])
def test_only_what_a_batch_left_open_is_asked_again(
    fate: str, server: BatchServer, tmp_path: Path
) -> None:
    server.fates = [fate]
    asked = questions(20)
    got = run(tmp_path / "ledger", asked)
    assert got.texts == right(asked)
    first, second = server.batches
    left = first.names if fate == "failed" else first.names[10:]
    assert sorted(second.names) == sorted(left)
    assert got.counts.faults == {f"batch {fate}": len(left)}
    assert set(server.billed.values()) == {1}
    used = server.used
    assert spent(tmp_path / "ledger")[1] == used.total()


def test_a_batch_that_someone_cancels(server: BatchServer, tmp_path: Path) -> None:
    """While a run waits for it, as on the server's own page."""
    server.open = False

    def cancel() -> None:
        if server.moments["look"] == 5:
            head = {"Authorization": f"Bearer {KEY}"}
            urlopen(HttpRequest(f"{server.url}/batches/batch_1/cancel", b"", head)).close()
            server.open = True

    server.at["look"] = cancel
    asked = questions(10)
    got = run(tmp_path / "ledger", asked)
    assert got.texts == right(asked)
    assert got.counts.faults == {"batch cancelled": 5}
    assert set(server.billed.values()) == {1}


def test_a_request_that_the_files_lack_is_asked_again_and_counts_as_paid(
    server: BatchServer, tmp_path: Path
) -> None:
    asked = questions(4)
    server.missing = {asked[1].key}
    server.at["upload"] = lambda: server.missing.clear() if len(server.batches) == 1 else None
    got = run(tmp_path / "ledger", asked)
    assert got.texts == right(asked)
    assert got.counts.faults == {"missing in batch": 1}
    assert server.batches[1].names == [asked[1].key]
    assert spent(tmp_path / "ledger")[1] >= server.used.total()


def test_lines_that_failed(server: BatchServer, tmp_path: Path) -> None:
    """The server's faults are asked again; what it rejects is not."""

    def answer(body: dict[str, Any]) -> str | tuple[int, str, str]:
        text = body["messages"][-1]["content"]
        if text == "question 1":
            return 400, "invalid_prompt", "too rude"
        if text == "question 2" and len(server.batches) == 1:
            return 500, "server_error", "it broke"
        if text == "question 3" and len(server.batches) == 1:
            return 0, "none", "nothing"
        return label(body)

    server.answer = answer
    asked = questions(5)
    got = run(tmp_path / "ledger", asked)
    assert got.texts == right([asked[0], *asked[2:]])
    rejected = got.found[1]
    assert isinstance(rejected, Failure) and rejected.status == "rejected"
    assert "too rude" in rejected.detail
    assert got.counts.failed == {"rejected": 1}
    assert got.counts.faults == {"server error": 2}
    assert sorted(server.batches[1].names) == sorted(one.key for one in asked[2:4])
    run(tmp_path / "ledger", asked)
    assert len(server.batches) == 2


def test_an_answer_that_is_not_valid_is_repaired_in_a_next_batch(
    server: BatchServer, tmp_path: Path
) -> None:
    def answer(body: dict[str, Any]) -> str:
        text = body["messages"][-1]["content"]
        return "no idea" if text == "question 1" else '{"label": "x"}'

    server.answer = answer
    asked = questions(3)
    got = run(tmp_path / "ledger", asked)
    assert got.texts == ['{"label": "x"}'] * 3
    assert got.counts.repaired == 1
    (line,) = server.batches[1].asked
    assert line["custom_id"] == f"{asked[1].key}-repair"
    assert [one["role"] for one in line["body"]["messages"]][-2:] == ["assistant", "user"]


def test_a_server_that_knows_no_schema_is_told_in_words(
    server: BatchServer, tmp_path: Path
) -> None:
    def answer(body: dict[str, Any]) -> str | tuple[int, str, str]:
        if "response_format" in body:
            return 400, "invalid_request", "response_format is not known"
        return label(body)

    server.answer = answer
    asked = questions(5)
    got = run(tmp_path / "ledger", asked)
    assert got.texts == right(asked)
    assert (got.counts.failed.total(), len(server.batches)) == (0, WORDS - PLAIN + 1)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("key", "refuses the key"),
        ("model", "does not take the batch (model_not_found"),
        ("path", "has no Batch API"),
        ("port", "does not answer"),
    ],
)
def test_what_can_never_work_is_one_message(
    wrong: str,
    said: str,
    server: BatchServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model, asked = MODEL, questions(20)
    match wrong:
        case "key":
            monkeypatch.setenv("OPENAI_API_KEY", "sk-wrong-0123456789")
        case "model":
            model = "gpt-none"
            other = Prompt(model, PROMPT.messages, Sampling(20))
            asked = [Request(other, one.text) for one in asked]
        case "path":
            monkeypatch.setenv("OPENAI_BASE_URL", f"{server.url}/v9")
        case "port":
            monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    with pytest.raises(ShopmixError) as caught:
        run(tmp_path / "ledger", asked, model=model)
    message = str(caught.value)
    assert said in message and "\n" not in message
    assert "sk-wrong" not in "".join(traceback.format_exception(caught.value))
    assert spent(tmp_path / "ledger") == (0, 0)
    assert statuses(tmp_path / "ledger") == {"not possible": 20}
    assert server.moments["upload"] <= 1 and not server.billed

    if wrong in ("key", "path", "port"):
        monkeypatch.setenv("OPENAI_API_KEY", KEY)
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        assert run(tmp_path / "ledger", asked).texts == right(asked)


def test_the_key_is_nowhere(server: BatchServer, tmp_path: Path) -> None:
    server.answer = lambda body: f'{{"label": "{KEY}"}}'
    got = run(tmp_path / "ledger", questions(3))
    assert KEY not in "".join(got.notes)
    assert all(KEY.encode() not in file.read_bytes() for file in tmp_path.iterdir())


def test_the_cap_holds_at_half_the_price(server: BatchServer, tmp_path: Path) -> None:
    """As many requests go out as fit at their worst; what they leave lets more go."""
    asked = questions(60)
    price, full = price_of("batch", MODEL, None), price_of("openai", MODEL, None)
    assert price and full and (price.read * 2, price.written * 2) == (full.read, full.written)
    cap = 3 * price.of(Call(asked[-1]).most_tokens_in(), PROMPT.sampling.max_tokens)
    with pytest.raises(CapReached, match="--max-usd"):
        run(tmp_path / "ledger", asked, price=price, cap=Cap(cap))
    assert len(server.batches[0].names) == 3 and len(server.batches) > 2
    billed = price.of(server.used["read"], server.used["written"])
    assert spent(tmp_path / "ledger")[0] == billed
    assert cap * 0.6 < billed <= cap
    assert run(tmp_path / "ledger", asked).texts == right(asked)
    assert set(server.billed.values()) == {1}


def test_a_session_of_batches(server: BatchServer, tmp_path: Path) -> None:
    settings = LlmSettings(llm=f"batch:{MODEL}", max_usd=Decimal(1))
    notes: list[str] = []
    ledger = Ledger(tmp_path / "ledger")
    session = Session(settings, ledger, f"batch:{MODEL}", note=notes.append)
    asked = questions(10)
    found = session.answer(asked, "test", flaw)
    assert [one.text for one in found if one] == right(asked)
    price = price_of("batch", MODEL, None)
    assert price
    money = price.of(server.used["read"], server.used["written"])
    assert ledger.spent()[0] == money
    assert notes[0].startswith("test: 10 requests") and dollars(0) not in notes[0]
    session.close()
    ledger.close()
