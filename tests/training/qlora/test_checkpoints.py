"""What a killed process has left: half a checkpoint is never gone on from."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from training.qlora import checkpoints, prepared

OPTIMIZER, CHANCE = "optimizer.pt", "rng_state.pth"


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-1])


def checkpoint(out: Path, step: int) -> Path:
    """A checkpoint of one process, as torch, safetensors and the trainer write theirs."""
    folder = out / f"checkpoint-{step}"
    folder.mkdir(parents=True)
    for name in (OPTIMIZER, CHANCE, "scheduler.pt"):
        with zipfile.ZipFile(folder / name, "w") as file:
            file.writestr("data", "1234")
    header = json.dumps({"a": {"dtype": "U8", "shape": [2], "data_offsets": [0, 2]}}).encode()
    content = len(header).to_bytes(8, "little") + header + b"xx"
    (folder / "adapter_model.safetensors").write_bytes(content)
    (folder / "trainer_state.json").write_text(json.dumps({"global_step": step}))
    return folder


@pytest.mark.parametrize(
    "harm",
    [
        *(
            lambda folder, name=name: cut(folder / name)
            for name in (OPTIMIZER, CHANCE, "adapter_model.safetensors", "trainer_state.json")
        ),
        *(
            lambda folder, name=name: (folder / name).unlink()
            for name in (OPTIMIZER, CHANCE, "adapter_model.safetensors", "trainer_state.json")
        ),
    ],
)
def test_half_a_checkpoint_is_set_aside(tmp_path: Path, harm: Callable[[Path], None]) -> None:
    checkpoint(tmp_path, 3)
    harm(checkpoint(tmp_path, 12))
    assert checkpoints.set_aside(tmp_path, gpus=1) == [tmp_path / "incomplete-12"]
    assert list(checkpoints.steps(tmp_path)) == [3]


def test_whole_ones_stay_and_are_in_order(tmp_path: Path) -> None:
    for step in (12, 3, 100):
        checkpoint(tmp_path, step)
    assert checkpoints.set_aside(tmp_path, gpus=1) == []
    assert list(checkpoints.steps(tmp_path)) == [3, 12, 100]


def test_set_aside_twice(tmp_path: Path) -> None:
    for name in ("incomplete-3", "incomplete-3-2"):
        cut(checkpoint(tmp_path, 3) / OPTIMIZER)
        assert checkpoints.set_aside(tmp_path, gpus=1) == [tmp_path / name]


def test_every_process_has_to_have_written_its_part(tmp_path: Path) -> None:
    """DeepSpeed on two GPUs: each has its own share of the optimizer, and its own chance."""
    folder = checkpoint(tmp_path, 3)
    (folder / OPTIMIZER).unlink()
    (folder / "global_step3").mkdir()
    parts = [folder / f"rng_state_{rank}.pth" for rank in range(2)]
    parts += [
        folder / "global_step3" / f"bf16_zero_pp_rank_{rank}_mp_rank_00_optim_states.pt"
        for rank in range(2)
    ]
    for part in parts:
        part.write_bytes((folder / CHANCE).read_bytes())
    (folder / CHANCE).unlink()
    assert checkpoints.whole(folder, gpus=2)
    for part in parts:
        content = part.read_bytes()
        part.unlink()
        assert not checkpoints.whole(folder, gpus=2), part
        part.write_bytes(content)


def test_fsdp_with_whole_state_dicts(tmp_path: Path) -> None:
    """As it is configured: one process writes all of the optimizer, each its own chance."""
    folder = checkpoint(tmp_path, 3)
    content = (folder / CHANCE).read_bytes()
    (folder / OPTIMIZER).unlink()
    (folder / CHANCE).unlink()
    for name in ("pytorch_model_fsdp.bin", "rng_state_0.pth", "rng_state_1.pth"):
        (folder / name).write_bytes(content)
    assert not checkpoints.whole(folder, gpus=2)
    (folder / "optimizer.bin").write_bytes(content)
    assert checkpoints.whole(folder, gpus=2)
    cut(folder / "optimizer.bin")
    assert not checkpoints.whole(folder, gpus=2)


def test_a_shared_checkpoint_ends_with_its_metadata(tmp_path: Path) -> None:
    folder = checkpoint(tmp_path, 3)
    (folder / OPTIMIZER).unlink()
    (folder / "optimizer_0").mkdir()
    (folder / "optimizer_0" / "__0_0.distcp").touch()
    assert not checkpoints.whole(folder, gpus=1)
    (folder / "optimizer_0" / ".metadata").touch()
    assert checkpoints.whole(folder, gpus=1)


def tokens(folder: Path) -> Path:
    """Tokens of a split, as `datasets` saves them."""
    folder.mkdir(parents=True)
    (folder / "data-00000-of-00001.arrow").touch()
    state = {"_data_files": [{"filename": "data-00000-of-00001.arrow"}]}
    (folder / "state.json").write_text(json.dumps(state))
    (folder / "dataset_info.json").write_text("{}")
    return folder


@pytest.mark.parametrize(
    "missing", ["data-00000-of-00001.arrow", "state.json", "dataset_info.json"]
)
def test_half_written_tokens_are_made_anew(tmp_path: Path, missing: str) -> None:
    whole, half = tokens(tmp_path / "a"), tokens(tmp_path / "b")
    (half / missing).unlink()
    (tmp_path / "process_counter.txt").write_text("1")
    assert prepared.clean(tmp_path) == 1
    assert list(tmp_path.iterdir()) == [whole]


def test_no_tokens_yet(tmp_path: Path) -> None:
    assert prepared.clean(tmp_path / "prepared") == 0
