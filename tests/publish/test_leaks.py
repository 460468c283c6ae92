"""Questions of benchmarks in mixtures that are to be published."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from builders.mixture.benchmark import read_benchmark
from tests.publish.conftest import Publish, refused, succeeded
from tests.publish.mixtures import CLOSED, mixture, shards

QUESTION = (
    "Which of these hoses would a gardener with a steep garden and weak wrists rather not buy?"
)


def questions(folder: Path, *texts: str) -> Path:
    """A benchmark of these questions."""
    file = folder / "exam.jsonl"
    file.write_text("".join(json.dumps({"input_field": text}) + "\n" for text in texts))
    return file


@pytest.mark.usefixtures("untouched")
def test_leaks(publish: Publish, mixtures: Path, tmp_path: Path) -> None:
    file = questions(tmp_path, QUESTION)
    mixture(mixtures, "v8")
    mixture(mixtures, "v7", prompt=QUESTION.upper().replace(" ", "  "))
    leaked = pl.read_parquet(shards(mixtures, "v7")[0])["id"][0]
    done = publish("v8", "v7", "--benchmark", str(file))
    refused(done, "questions of a benchmark in 1 sample, ", leaked, "of v7")
    told = " ".join(done.stdout.split())
    assert f"v7: {leaked} of mmlu.general_knowledge is exam, '{QUESTION}', by question: " in told


def test_wordings_of_its_own_sets_are_no_leak(
    publish: Publish, mixtures: Path, tmp_path: Path
) -> None:
    """The words of a set's wording are nobody's question there; in another set they are."""
    shared = "it tells what shoppers need to know first: brand, kind of product, main features"
    file = questions(tmp_path, f"A title is good where {shared}. Who taught Noor so?")
    prompt = f"Of {shared}: soap, lavender, Marseille."
    mixture(mixtures, "v7", prompt=prompt)
    mixture(mixtures, "v8", prompt=prompt, part=CLOSED)
    succeeded(publish("v8", "--dry-run", "--benchmark", str(file)))
    done = publish("v7", "--dry-run", "--benchmark", str(file))
    refused(done, "questions of a benchmark in 1 sample, ", "of v7")
    assert "by overlap 'it tells what shoppers need" in " ".join(done.stdout.split())


def test_a_benchmark_that_is_not_at_hand(publish: Publish, mixtures: Path, tmp_path: Path) -> None:
    """The mixture was built without its questions, so it may be published; but it is told."""
    file = questions(tmp_path, QUESTION)
    mixture(mixtures, "v8", without={"exam": read_benchmark(file).hash})
    assert "v8 was built without questions of exam" in succeeded(publish("v8", "--dry-run"))
    said = succeeded(publish("v8", "--dry-run", "--benchmark", str(file)))
    assert "was built without" not in said


@pytest.mark.usefixtures("untouched")
def test_a_set_that_nobody_makes(publish: Publish, mixtures: Path) -> None:
    mixture(mixtures, "v8", part={**CLOSED, "set": "theirs.rhymes"})
    refused(publish("v8"), "v8 has samples of theirs.rhymes, which no builder here makes")
