"""What is made of axolotl's judgement. The judgement itself: tests/engines/test_training.py."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from builders.console import Reporter
from builders.errors import ShopmixError
from builders.mixture.settings import MIXTURES
from training.qlora.check import Environment, check, show
from training.qlora.dataset import find
from training.qlora.engine import Axolotl
from training.qlora.settings import arguments

RUNS = [("<|im_start|>user\nWhich?", False), ("2<|im_end|>", True), ("\n", False)]


def judged(monkeypatch: pytest.MonkeyPatch, **answer: object) -> tuple[list[Any], str]:
    """Check with an axolotl that answers so; what it was asked, and what was said."""
    asked = []

    def script(self: Axolotl, name: str, request: Any) -> Any:
        asked.append(request)
        runs = [[["x", False], ["0<|im_end|>", True], ["\n", False]] for _ in request["samples"]]
        whole = {
            "flaws": [],
            "samples": runs,
            "end": "<|im_end|>",
            "packages": {"torch": "2"},
            "gpus": 0,
        }
        return {**whole, **answer}

    monkeypatch.setattr(Axolotl, "script", script)
    said = io.StringIO()
    report = Reporter(Console(file=said, width=400))
    config = {"base_model": "you/base"}
    found = check(
        config, arguments(["v8"]), find("v8", str(MIXTURES)), Axolotl(Path("bin")), report
    )
    assert found == Environment({"torch": "2"}, 0)
    return asked, said.getvalue()


@pytest.mark.usefixtures("v8")
def test_a_few_samples_of_each_type_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    (asked,), said = judged(monkeypatch)
    assert [len(messages) for messages in asked["samples"]] == [3] * 4
    assert asked["capabilities"]["compute_capability"] == "sm_80"
    assert asked["capabilities"]["n_gpu"] == 8
    assert "[[0<|im_end|>]]" in said
    assert "the answer and <|im_end|> carry loss, and nothing else" in said


@pytest.mark.usefixtures("v8")
@pytest.mark.parametrize(
    "runs",
    [
        [["x", False], ["0", True], ["<|im_end|>\n", False]],
        [["x", True], ["0<|im_end|>", True]],
        [["x0<|im_end|>", False]],
        [["x", False], ["0<|im_end|>\n", True]],
    ],
)
def test_anything_else_that_is_learned_is_refused(
    monkeypatch: pytest.MonkeyPatch, runs: list[Any]
) -> None:
    with pytest.raises(ShopmixError, match=r"what carries loss is .*, not \['0<\|im_end\|>'\]"):
        judged(monkeypatch, samples=[runs] * 4)


@pytest.mark.usefixtures("v8")
def test_flaws_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ShopmixError, match="cannot take this configuration: one; two"):
        judged(monkeypatch, flaws=["one", "two"])


@pytest.mark.usefixtures("v8")
def test_no_tokenizer_at_hand_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    _, said = judged(monkeypatch, samples=None, why="no network")
    assert "the tokenizer of you/base is not at hand (no network)" in said


def test_loss_is_coloured_on_a_terminal_and_bracketed_in_a_log() -> None:
    log, terminal = io.StringIO(), io.StringIO()
    show("ranking", RUNS, Console(file=log, width=80))
    assert log.getvalue() == "ranking\n<|im_start|>user\nWhich?[[2<|im_end|>]]\n\n"
    show("ranking", RUNS, Console(file=terminal, width=80, force_terminal=True))
    assert "\x1b[1;32m2<|im_end|>\x1b[0m" in terminal.getvalue()
    assert "[[" not in terminal.getvalue()


def test_a_long_prompt_is_cut_in_the_middle() -> None:
    log = io.StringIO()
    show("ranking", [("a" * 1000, False), ("b" * 1000, True)], Console(file=log, width=80))
    assert "a [...] a" in log.getvalue()
    assert "b" * 1000 in log.getvalue().replace("\n", "")
