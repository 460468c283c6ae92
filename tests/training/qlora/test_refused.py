"""What cannot be trained is refused in one line, before axolotl starts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from builders.mixture.settings import MIXTURES
from tests.publish.mixtures import shards
from tests.training.qlora.conftest import Configure, model, refused

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
        (["--base", "a/b", "--from", "merged"], "give one of them"),
        (["--profile", "cpu-tiny", "--base", "a/b"], "leave --base and --from out"),
    ],
)
def test_an_option_that_makes_no_sense(given: list[str], said: str) -> None:
    assert said in refused("v8", "--config-only", *given)


def test_axolotl_is_not_there() -> None:
    assert "axolotl is not here" in refused("v8", "--check")


def test_a_folder_that_cannot_be_made() -> None:
    Path("file").touch()
    assert "--out file/v8 cannot be made" in refused("v8", "--config-only", "--out", "file/v8")


SHARDS = ("model-00001-of-2.safetensors", "model-00002-of-2.safetensors")


def merged(folder: Path) -> Path:
    """A merged model, as training.wise_ft leaves it."""
    model(folder)
    for name in SHARDS:
        (folder / name).write_bytes(b"1234")
    (folder / "model.safetensors.index.json").touch()
    told = {"base": "Qwen/Qwen2-7B", "adapters": [{"name": "runs/v8", "weight": 0.56}]}
    files = [{"path": name, "bytes": 4} for name in SHARDS]
    (folder / "merge.json").write_text(json.dumps({**told, "files": files}), "utf-8")
    return folder


@pytest.mark.parametrize(
    "missing",
    ["merge.json", "config.json", "model.safetensors.index.json", "model-00002-of-2.safetensors"],
)
def test_a_merged_model_that_is_not_whole(missing: str) -> None:
    (merged(Path("merged")) / missing).unlink()
    assert f"{missing} is missing" in refused("v8", "--config-only", "--from", "merged")


def test_a_merged_model_that_is_cut_off() -> None:
    (merged(Path("merged")) / SHARDS[1]).write_bytes(b"123")
    assert f"{SHARDS[1]} is not what merge.json says" in refused("v8", "--from", "merged")


def test_a_second_round_knows_what_its_base_is_made_of(configure: Configure) -> None:
    merged(Path("merged"))
    assert configure("--from", "merged")["base_model"] == "merged"
    told = json.loads(Path("runs/v8/run.json").read_text("utf-8"))
    assert told["merge"]["adapters"] == [{"name": "runs/v8", "weight": 0.56}]
