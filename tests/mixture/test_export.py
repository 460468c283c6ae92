"""The exported lines are questions of ShopBench, read back as its specification says."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, get_args

import polars as pl
import pytest

from builders.errors import ShopmixError
from builders.mixture.manifest import Manifest
from builders.mixture.shopbench_export import export
from builders.shopbench import METRICS, TASK_TYPES, Track, parse, score
from tests.conftest import samples_of
from tests.mixture.handmade import mixture

#: What a truth is, by task type.
TRUTHS = {
    "multiple-choice": int,
    "retrieval": int,
    "ranking": float | int,
    "named_entity_recognition": str,
    "generation": str,
}
#: Metrics that need no model; by the others an answer that equals its truth scores 1.
SCORED = ("accuracy", "ndcg", "hit rate@3", "micro f1", "rougel", "bleu", "jp-bleu")


def questions(file: Path) -> list[dict[str, Any]]:
    """A reader after the specification of the format, with its seven fields and no other."""
    read = [json.loads(line) for line in file.read_text("utf-8").split("\n")[:-1]]
    for question in read:
        assert list(question) == [
            "input_field",
            "output_field",
            "task_name",
            "task_type",
            "metric",
            "is_multiple_choice",
            "track",
        ]
        assert isinstance(question["input_field"], str)
        assert isinstance(question["task_name"], str)
        assert question["task_type"] in TASK_TYPES
        assert question["metric"] in METRICS
        assert question["track"] in get_args(Track)
        assert question["is_multiple_choice"] is (question["task_type"] == "multiple-choice")
        truth, kind = question["output_field"], TRUTHS[question["task_type"]]
        alone = question["task_type"] in ("multiple-choice", "generation")
        assert all(isinstance(one, kind) for one in ([truth] if alone else truth))
    return read


@pytest.fixture(scope="module")
def samples(demo: Path) -> pl.DataFrame:
    """All samples of the demo rows."""
    return pl.concat([rows for _, rows in samples_of(demo)]).sort("id")


@pytest.fixture(scope="module")
def made(samples: pl.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Manifest]:
    """A mixture of them in three shards, a few for validation."""
    folder = tmp_path_factory.mktemp("mixtures") / "v8"
    return folder, mixture(folder, samples[50:], samples[:50], shards=3)


def test_every_answer_scores_1_against_its_question(
    made: tuple[Path, Manifest], samples: pl.DataFrame
) -> None:
    folder, manifest = made
    left_out = export(folder, manifest)
    general = samples.filter(pl.col("metric").is_null())
    assert left_out == dict(sorted(general["set"].value_counts().iter_rows()))
    assert set(left_out) == {"alpaca.instructions", "mmlu.general_knowledge"}
    read = {
        split: questions(folder / f"{split}.shopbench.jsonl") for split in ("train", "validation")
    }
    kept = samples.drop_nulls("metric")
    expected = {
        "train": samples[50:].drop_nulls("metric"),
        "validation": samples[:50].drop_nulls("metric"),
    }
    assert len(kept) == sum(map(len, read.values()))
    metrics = set()
    for split, rows in expected.items():
        assert len(read[split]) == len(rows)
        for question, sample in zip(read[split], rows.iter_rows(named=True), strict=True):
            _, user, assistant = sample["messages"]
            assert question["input_field"] == user["content"]
            assert question["task_name"] == sample["set"]
            answer = parse(question["task_type"], assistant["content"])
            if question["metric"] in SCORED:
                assert score(question["metric"], answer, question["output_field"]) > 1 - 1e-9
            else:
                assert answer == question["output_field"]
            metrics.add(question["metric"])
    assert {"accuracy", "ndcg", "hit rate@3", "micro f1", "bleu", "jp-bleu"} <= metrics


def test_text_stands_as_it_is(made: tuple[Path, Manifest]) -> None:
    folder, manifest = made
    export(folder, manifest)
    text = (folder / "train.shopbench.jsonl").read_text("utf-8")
    assert "\\u" not in text
    assert re.search("[ぁ-ん]", text)


def test_the_same_bytes_again(made: tuple[Path, Manifest]) -> None:
    folder, manifest = made
    export(folder, manifest)
    file = folder / "train.shopbench.jsonl"
    before = file.read_bytes()
    export(folder, manifest)
    assert file.read_bytes() == before
    assert not list(folder.glob(".*"))


def test_half_a_file_never_has_the_name(
    samples: pl.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = mixture(tmp_path / "v8", samples[5:60], samples[:5], shards=2)
    export(tmp_path / "v8", manifest)
    file = tmp_path / "v8" / "train.shopbench.jsonl"
    before = file.read_bytes()
    real, read = pl.read_parquet, 0

    def full(*given: Any, **named: Any) -> pl.DataFrame:
        nonlocal read
        read += 1
        if read == 2:
            raise OSError(28, "No space left on device")
        return real(*given, **named)

    monkeypatch.setattr(pl, "read_parquet", full)
    with pytest.raises(ShopmixError, match="No space left on device"):
        export(tmp_path / "v8", manifest)
    assert file.read_bytes() == before
    assert not list((tmp_path / "v8").glob(".*"))
