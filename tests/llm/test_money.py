"""Prices, what requests are expected to take, and the settings that cap it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from builders.errors import ShopmixError
from builders.llm.estimate import Estimate, estimate
from builders.llm.ledger import Ledger
from builders.llm.money import DOLLAR, PRICES, Price, dollars, picodollars, price_of
from builders.llm.request import Call, Request
from builders.llm.session import Planned, Session
from builders.llm.settings import LlmSettings
from tests.llm.asking import PRICE, PROMPT, Asking, World, fine, requests, validate
from tests.llm.server import MODEL, TOKENS_OUT

MILLION = 1_000_000


def _table(folder: Path, content: str) -> Path:
    file = folder / "prices.json"
    file.write_text(content)
    return file


# prices


def test_price_of_a_million_tokens_is_the_one_in_the_table() -> None:
    price = price_of("openai", "gpt-4o-mini", None)
    assert price
    assert price.of(MILLION, 0) == picodollars(Decimal("0.15"))
    assert price.of(0, MILLION) == picodollars(Decimal("0.6"))
    assert price.of(3, 2) == 3 * 150_000 + 2 * 600_000


def test_every_price_of_the_table_is_exact() -> None:
    for model, (read, written) in json.loads(PRICES.read_text(), parse_float=Decimal).items():
        price = price_of("openai", model, None)
        assert price
        assert price.of(MILLION, MILLION) == (Decimal(read) + Decimal(written)) * DOLLAR


def test_user_has_the_last_word(tmp_path: Path) -> None:
    table = _table(tmp_path, '{"gpt-4o-mini": [1, 2], "mine": [0.07, 0.1]}')
    assert price_of("openai", "gpt-4o-mini", table) == Price(1_000_000, 2_000_000)
    assert price_of("openai", "mine", table) == Price(70_000, 100_000)
    assert price_of("openai", "gpt-4", table) == price_of("openai", "gpt-4", None)


def test_batches_take_half(tmp_path: Path) -> None:
    assert price_of("batch", "gpt-4", None) == Price(15 * MILLION, 30 * MILLION)
    odd = _table(tmp_path, '{"odd": [0.000001, 0.000003]}')
    assert price_of("openai", "odd", odd) == Price(1, 3)
    assert price_of("batch", "odd", odd) == Price(1, 2)  # a cap rounds up


def test_own_machines_are_free_unless_the_user_says_otherwise(tmp_path: Path) -> None:
    table = _table(tmp_path, '{"llama": [1, 1]}')
    for provider in ("local", "vllm"):
        assert price_of(provider, "llama", None) == Price(0, 0)
        assert price_of(provider, "llama", table) == Price(MILLION, MILLION)
        assert price_of(provider, "other", table) == Price(0, 0)


def test_price_of_an_unknown_model_is_unknown() -> None:
    assert price_of("openai", "no-such-model", None) is None
    assert price_of("batch", "no-such-model", None) is None


@pytest.mark.parametrize(
    "content",
    ["", "[]", "[1]", '{"a": 1}', '{"a": [1]}', '{"a": [1, -1]}', '{"a": [1, "x"]}',
     '{"a": [1, NaN]}', '{"a": [1, "Infinity"]}', '{"a": [1, null]}', '{"a": null}', "\xff"],
)  # fmt: skip
def test_table_that_is_none(tmp_path: Path, content: str) -> None:
    file = tmp_path / "prices.json"
    file.write_bytes(content.encode("latin-1"))
    with pytest.raises(ShopmixError, match=f"--prices {file} cannot be read"):
        price_of("openai", "gpt-4", file)


def test_table_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(ShopmixError, match="cannot be read"):
        price_of("openai", "gpt-4", tmp_path / "none.json")


def test_dollars() -> None:
    assert dollars(1_234_567 * 10**9) == "$1,234.5670"
    assert picodollars(Decimal("0.000000000001")) == 1
    assert picodollars(Decimal("1e3")) == 1000 * DOLLAR


# estimates


@pytest.fixture
def memory() -> Iterator[Ledger]:
    """A ledger that is gone afterwards."""
    ledger = Ledger(":memory:")
    yield ledger
    ledger.close()


def _estimate(ledger: Ledger, asked: list[Request], price: Price | None = PRICE) -> Estimate:
    return estimate(ledger, asked, "openai", MODEL, price)


def test_estimate_of_what_was_never_asked_goes_by_length(memory: Ledger) -> None:
    asked = requests(fine(100))
    found = _estimate(memory, asked)
    worst = sum(Call(request).most_tokens_in() for request in asked)
    assert found.requests == 100
    assert 100 < found.tokens_in < worst
    assert found.tokens_out == 100 * PROMPT.sampling.max_tokens
    assert found.money == PRICE.of(found.tokens_in, found.tokens_out)
    assert found.seconds is None
    assert str(found).endswith(", time unknown")


def test_estimate_goes_by_what_the_ledger_has_seen(
    serve: Callable[..., World], tmp_path: Path
) -> None:
    world = serve()
    Asking(world.url, tmp_path / "ledger").ask([*fine(40), "40 refusal", "41 long"])
    ledger = Ledger(tmp_path / "ledger")
    read = sum(asked.tokens_in for asked in world.log()[:40]) / 40
    found = _estimate(ledger, requests([f"{i} fine" for i in range(1000, 1200)]))
    assert found.tokens_in == pytest.approx(200 * read, rel=0.02)
    assert found.tokens_out == 200 * TOKENS_OUT
    assert found.seconds
    assert 0 < found.seconds < 3600

    other = [Request(replace(PROMPT, schema=None), "1 fine")]
    assert _estimate(ledger, other).tokens_out == PROMPT.sampling.max_tokens
    ledger.close()


@pytest.mark.parametrize(
    ("money", "seconds", "said"),
    [
        (None, None, "1,234 requests, about 5,000 tokens in and 600 out, price unknown (--prices)"),
        (2 * DOLLAR, None, "600 out, about $2.0000, time unknown"),
        (0, 59.6, "about 60 s"),
        (0, 60 * 61 * 2, "about 2 h 02 min"),
    ],
)
def test_estimate_as_people_read_it(money: int | None, seconds: float | None, said: str) -> None:
    assert said in str(Estimate(1_234, 5_000, 600, money, seconds))


# sessions and settings


def _session(url: str, ledger: Ledger, monkeypatch: pytest.MonkeyPatch, **settings: Any) -> Session:
    monkeypatch.setenv("OPENAI_BASE_URL", url)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    spec = f"openai:{MODEL}"
    return Session(LlmSettings(llm=spec, **settings), ledger, spec)


def test_dry_run_sends_nothing(
    serve: Callable[..., World], memory: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    world, notes = serve(), list[str]()
    session = _session(world.url, memory, monkeypatch, dry_run=True)
    session._note = notes.append
    with pytest.raises(Planned, match="label"):
        session.answer(requests(fine(7)), "label", validate)
    session.close()
    assert len(notes) == 1
    assert notes[0].startswith("label: 7 requests, about ")
    assert world.log() == []


def test_session_caps_in_dollars_by_the_users_price(
    serve: Callable[..., World], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world, table = serve(), _table(tmp_path, json.dumps({MODEL: [1, 1]}))
    ledger = Ledger(tmp_path / "ledger")
    cap = Decimal("0.001")  # a thousand tokens
    session = _session(world.url, ledger, monkeypatch, max_usd=cap, prices=table)
    with pytest.raises(ShopmixError, match=r"of \$0\.0010, .* raise --max-usd to go on"):
        session.answer(requests(fine(200)), "label", validate)
    session.close()
    assert 0 < sum(asked.tokens_in + asked.tokens_out for asked in world.log()) <= 1000
    assert ledger.spent()[0] <= picodollars(cap)
    ledger.close()


def test_cap_in_dollars_needs_a_price(memory: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ShopmixError, match=f"no price of {MODEL} is known.* cap with --max-tokens"):
        _session("http://localhost/v1", memory, monkeypatch, max_usd=Decimal(1))


def test_ledger_alone_answers_what_it_has(serve: Callable[..., World], tmp_path: Path) -> None:
    world = serve()
    (answer, refused), _ = Asking(world.url, tmp_path / "ledger").ask(["1 fine", "2 refusal"])
    ledger, spec = Ledger(tmp_path / "ledger"), f"ledger:{MODEL}"
    session = Session(LlmSettings(llm=spec), ledger, spec)
    asked = requests(["1 fine", "2 refusal", "3 fine"])
    assert session.answer(asked, "label", validate) == [answer, refused, None]
    session.close()
    ledger.close()
    assert len(world.log()) == 2


@pytest.mark.parametrize(
    "wrong",
    [
        {"llm": "gpt-4"},
        {"llm": "openai"},
        {"llm": "openai:"},
        {"llm": "deepmind:gemini"},
        {"verify": "vllm"},
        {"max_usd": -1},
        {"max_usd": "much"},
        {"max_usd": "NaN"},
        {"max_tokens": -1},
        {"workers": 0},
        {"timeout": 0},
        {"disputed": "ignore"},
        {"budget": 1},
    ],
    ids=str,
)
def test_settings_that_are_none(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        LlmSettings(**wrong)


@pytest.mark.parametrize("spec", ["openai:gpt-4", "local", "local:a.gguf", "ledger", "vllm:a/b:c"])
def test_who_can_be_named(spec: str) -> None:
    assert LlmSettings(llm=spec, verify=spec).llm == spec
