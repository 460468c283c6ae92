"""What users do about LLM work: a dry run, a second opinion, and sharing a ledger."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from builders import alpaca, mmlu
from builders.build import DISPUTED
from builders.cli import arguments
from builders.errors import ShopmixError
from builders.llm.__main__ import main
from builders.llm.ledger import ANSWERED, Ledger
from builders.llm.money import Cap
from builders.llm.opened import DEMO
from builders.llm.opinion import MOST_TOKENS
from builders.llm.request import Call, Prompt, Reply, Request, Sampling
from builders.sample import system_prompt
from tests.conftest import BUILDERS, build

NAME, KIND, JUDGE = "mmlu.general_knowledge", "multiple-choice", "judge"


def _judge(ledger: Path, samples: pl.DataFrame, wrong: int) -> None:
    """File a model's blind answers: the first few are wrong, the last is missing."""
    prompt = Prompt(JUDGE, (("system", system_prompt(KIND)),), Sampling(MOST_TOKENS[KIND]))
    opened = Ledger(ledger)
    for i, (messages, truth) in enumerate(samples.select("messages", "truth").iter_rows()):
        if i == len(samples) - 1:
            break
        answer = str((int(truth) + 1) % 4) if i < wrong else truth
        request = Request(prompt, messages[1]["content"])
        entry = opened.reserve(Call(request), "test", "test", 0, 0, Cap())
        assert isinstance(entry, int)
        reply = Reply(answer, "stop", 1, 1, 0.1, "{}")
        opened.settle(entry, request, ANSWERED, 0, 0, reply, f"test:{JUDGE}")
    opened.close()


@pytest.mark.parametrize("disputed", ["list", "reject"])
def test_a_second_opinion_lists_or_rejects(tmp_path: Path, disputed: str) -> None:
    build(tmp_path / "one", mmlu.BUILDER, size=20)
    first = pl.read_parquet(tmp_path / "one" / f"{NAME}.parquet")
    _judge(tmp_path / "ledger", first, wrong=3)
    given = {"ledger": tmp_path / "ledger", "verify": f"ledger:{JUDGE}", "disputed": disputed}
    out = build(tmp_path / "two", mmlu.BUILDER, size=20, **given)
    told = json.loads((out / f"{NAME}.json").read_text("utf-8"))
    lines = (out / f"{NAME}.disputed.jsonl").read_text("utf-8").splitlines()
    listed = [json.loads(line)["id"] for line in lines]
    ids = pl.read_parquet(out / f"{NAME}.parquet")["id"].to_list()
    assert listed == first["id"].to_list()[:3]
    if disputed == "list":
        assert ids == first["id"].to_list()
        assert told["opinions"] == {"agreed": 16, "disputed": 3, "unanswered": 1}
    else:
        assert not set(listed) & set(ids)
        assert ids[:17] == first["id"].to_list()[3:]
        assert (len(ids), told["rejects"][DISPUTED]) == (20, 3)
    before = (out / f"{NAME}.json").stat().st_mtime_ns
    build(out, mmlu.BUILDER, size=20, **given)
    assert (out / f"{NAME}.json").stat().st_mtime_ns == before


def test_free_text_has_no_second_opinion(tmp_path: Path) -> None:
    given = {"ledger": tmp_path / "ledger", "verify": f"ledger:{JUDGE}"}
    out = build(tmp_path / "out", alpaca.BUILDER, size=5, **given)
    assert json.loads((out / "alpaca.instructions.json").read_text("utf-8"))["opinions"] == {}


def test_a_dry_run_tells_and_builds_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    given = {"llm": "openai:gpt-4.1-mini", "ledger": tmp_path / "ledger", "dry_run": True}
    out = build(tmp_path / "out", BUILDERS["amazon_m2"], size=5, **given)
    told = " ".join(capsys.readouterr().out.split())
    assert "amazon_m2.explain_product_type: 5 requests, about" in told
    assert "out, about $" in told
    assert "title_in_locale" not in told  # no LLM has a part in it
    assert list(out.iterdir()) == []


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("--llm foo:bar", "--llm foo:bar: not PROVIDER:MODEL with one of openai, batch"),
        ("--llm openai:", "--llm openai:: not PROVIDER:MODEL"),
        ("--max-usd abc", "--max-usd abc: Input should be a valid decimal"),
        ("--max-usd -1", "--max-usd -1: Input should be greater than or equal to 0"),
        ("--vllm x", "x is not NAME=VALUE"),
    ],
)
def test_a_bad_option_is_named(given: str, said: str) -> None:
    with pytest.raises(ShopmixError) as error:
        arguments(mmlu.BUILDER, given.split())
    assert said in str(error.value)
    with pytest.raises(ShopmixError) as error:
        main(["reword", "esci.title_for_query", *given.split()])
    assert said in str(error.value)


def test_a_ledger_goes_out_and_comes_in_as_it_was(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one, lines = str(tmp_path / "one.sqlite"), tmp_path / "out.jsonl"
    main(["ledger", one, "--import", str(DEMO)])
    main(["ledger", one, "--import", str(DEMO)])
    main(["ledger", one, "--export", str(lines)])
    main(["ledger", one, "--verify"])
    main(["ledger", one])
    told = " ".join(capsys.readouterr().out.split())
    assert "0 new in" in told
    assert "holds together" in told
    assert "$0.0000 and 0 tokens spent in all" in told
    assert lines.read_text("utf-8").splitlines() == DEMO.read_text("utf-8").splitlines()


def test_an_export_that_was_changed_is_refused_whole(tmp_path: Path) -> None:
    lines = DEMO.read_text("utf-8").splitlines()
    answer = next(i for i, line in enumerate(lines) if line.startswith('{"of"'))
    changed = json.loads(lines[answer]) | {"text": "Another question"}
    lines[answer] = json.dumps(changed)
    file = tmp_path / "changed.jsonl"
    file.write_text("\n".join(lines), "utf-8")
    ledger = tmp_path / "ledger.sqlite"
    with pytest.raises(ShopmixError, match=rf"changed.jsonl, line {answer + 1}: the request is"):
        main(["ledger", str(ledger), "--import", str(file)])
    opened = Ledger(ledger)
    assert opened.models() == []
    opened.close()
