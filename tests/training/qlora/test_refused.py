"""What cannot be trained is refused in one line, before axolotl starts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from builders.mixture.settings import MIXTURES
from tests.publish.mixtures import shards
from tests.training.qlora.conftest import Configure, refused
from tests.training.wise_ft.models import write_base

pytestmark = pytest.mark.usefixtures("v8")


def test_a_mixture_that_is_not_there() -> None:
    assert "python -m builders.mixture v9" in refused("v9", "--config-only")
    assert not Path("runs").exists()


def test_a_mixture_of_another_name() -> None:
    assert "is mixture v8, not v7" in refused("v7", "--dataset", "data/mixtures/v8")


def test_a_damaged_shard() -> None:
    shard = shards(MIXTURES, "v8")[1]
    shard.write_bytes(shard.read_bytes()[:-1])
    assert f"{shard} is not what manifest.json says" in refused("v8", "--config-only")


def test_a_base_that_is_no_model() -> None:
    Path("base").mkdir()
    assert "base/config.json is missing" in refused("v8", "--base", "base")
    assert "no such folder" in refused("v8", "--base", "./no/base")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["--set", "lora_r"], "KEY=VALUE is wanted"),
        (["--set", "lora_r=none"], "--set lora_r=none"),
        (["--set", "micro_batch_size=0"], "greater than 0"),
        (["--set", "datasets=[]"], "datasets is set by --dataset"),
        (["--set", "x={"], "no YAML"),
        (["--gpus", "-1"], "--gpus -1"),
        (["--gpus", "0"], "--gpus 0"),
        (["--set", "warmup_steps=null"], "--set warmup_steps=None"),
        (["--base", "a/b", "--from", "merged"], "give one of them"),
        (["--profile", "cpu-tiny", "--base", "a/b"], "leave --base"),
        (["--profile", "cpu-tiny", "--gpus", "2"], "and --gpus out"),
    ],
)
def test_an_option_that_makes_no_sense(given: list[str], said: str) -> None:
    assert said in refused("v8", "--config-only", *given)


def test_axolotl_is_not_there() -> None:
    assert "axolotl is not here" in refused("v8", "--check")


def test_a_folder_that_cannot_be_made() -> None:
    Path("file").touch()
    assert "--out file/v8 cannot be made" in refused("v8", "--config-only", "--out", "file/v8")


def merged(folder: Path, shards: int = 3) -> list[Path]:
    """A merged model, as training.wise_ft leaves it; returns its files with weights."""
    write_base(folder, shards=shards)
    told = {"base": "Qwen/Qwen2-7B", "adapters": [{"name": "runs/v8", "weight": 0.56}]}
    weights = sorted(folder.glob("*.safetensors"))
    files = [{"path": one.name, "bytes": one.stat().st_size} for one in weights]
    (folder / "merge.json").write_text(json.dumps({**told, "files": files}), "utf-8")
    return weights


@pytest.mark.parametrize(
    "missing",
    ["merge.json", "config.json", "model.safetensors.index.json", "model-00002-of-00003"],
)
def test_a_merged_model_that_is_not_whole(missing: str) -> None:
    merged(Path("merged"))
    next(Path("merged").glob(f"{missing}*")).unlink()
    said = refused("v8", "--config-only", "--from", "merged")
    assert missing in said and "merged" in said


def test_a_merged_model_that_is_cut_off() -> None:
    shard = merged(Path("merged"))[1]
    shard.write_bytes(shard.read_bytes()[:-1])
    assert f"{shard} is no whole safetensors file" in refused("v8", "--from", "merged")


def test_a_merged_model_with_the_weights_of_another() -> None:
    merged(Path("merged"))
    (other,) = merged(Path("other"), shards=1)
    for old in Path("merged").glob("model*"):
        old.unlink()
    other.rename("merged/model.safetensors")
    assert "its weights are not what merge.json says" in refused("v8", "--from", "merged")


def test_a_merge_that_has_not_ended() -> None:
    merged(Path("merged"))
    Path("merged/.merge.jsonl").touch()
    assert "its merge has not ended" in refused("v8", "--from", "merged")


@pytest.mark.parametrize("shards", [1, 3])
def test_a_second_round_knows_what_its_base_is_made_of(configure: Configure, shards: int) -> None:
    merged(Path("merged"), shards)
    assert configure("--from", "merged")["base_model"] == "merged"
    told = json.loads(Path("runs/v8/run.json").read_text("utf-8"))
    assert told["merge"]["adapters"] == [{"name": "runs/v8", "weight": 0.56}]


def test_a_folder_with_other_files() -> None:
    mine = Path("mine")
    mine.mkdir()
    (mine / "README.md").write_text("Mine.")
    said = refused("v8", "--out", "mine", "--config-only")
    assert "--out mine holds other files: give a new folder" in said
    assert [file.name for file in mine.iterdir()] == ["README.md"]
