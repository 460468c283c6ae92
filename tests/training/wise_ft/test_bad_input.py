"""What cannot be merged is told by name, with exit code 2, before anything has a final name."""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections import namedtuple
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.training.wise_ft.merging import Refused, asked, change_json, merged, refused
from tests.training.wise_ft.models import Q_PROJ, pair, write_adapter, write_lora, write_model
from tests.training.wise_ft.tensors import contents, read_tensors, write_tensors


def shard(base: Path, number: int = 2) -> Path:
    return base / f"model-{number:05}-of-00003.safetensors"


# --- the base


def test_an_adapter_of_other_shapes(base: Path, tmp_path: Path, said: Refused) -> None:
    random = np.random.default_rng(0)
    wide = pair(Q_PROJ, random.normal(size=(4, 32)), random.normal(size=(32, 4)))
    other = write_lora(
        tmp_path / "v9", wide, r=4, lora_alpha=8, base_model_name_or_path="Qwen/Qwen2-7B"
    )
    told = said(other)
    for part in (str(other), f"{Q_PROJ}.weight", "(32, 32)", "(16, 16)", "Qwen/Qwen2-7B"):
        assert part in told


def test_an_adapter_of_other_names(tmp_path: Path, said: Refused) -> None:
    a, b = np.ones((4, 16)), np.ones((16, 4))
    other = write_lora(tmp_path / "v9", pair("model.layers.2.mlp.w1", a, b), r=4, lora_alpha=8)
    told = said(other)
    assert str(other) in told
    assert "model.layers.2.mlp.w1.weight" in told


def test_a_missing_shard(base: Path, said: Refused) -> None:
    shard(base).unlink()
    told = said()
    assert shard(base).name in told
    assert "model.safetensors.index.json" in told


def test_an_index_that_names_another_file(base: Path, said: Refused) -> None:
    index = base / "model.safetensors.index.json"
    where = json.loads(index.read_text())["weight_map"]
    change_json(index, weight_map={**where, "model.norm.weight": "elsewhere.safetensors"})
    assert "elsewhere.safetensors" in said()


@pytest.mark.parametrize("name", ["model.norm.weight", "model.extra.weight"])
def test_an_index_that_says_otherwise_than_the_files(base: Path, name: str, said: Refused) -> None:
    index = base / "model.safetensors.index.json"
    where = json.loads(index.read_text())["weight_map"]
    change_json(index, weight_map={**where, name: shard(base, 1).name})
    told = said()
    assert name in told
    assert shard(base, 1).name in told


def test_a_tensor_that_the_index_leaves_out(base: Path, said: Refused) -> None:
    index = base / "model.safetensors.index.json"
    where = json.loads(index.read_text())["weight_map"]
    del where["model.norm.weight"]
    change_json(index, weight_map=where)
    assert "model.norm.weight" in said()


@pytest.mark.parametrize("left", [0, 4, 100, -1])
@pytest.mark.parametrize("whose", ["base", "adapter"])
def test_a_file_that_is_cut_off(
    base: Path, adapter: Path, whose: str, left: int, said: Refused
) -> None:
    file = shard(base) if whose == "base" else adapter / "adapter_model.safetensors"
    os.truncate(file, left if left >= 0 else file.stat().st_size + left)
    assert str(file) in said()


def test_a_file_with_more_behind_it(base: Path, said: Refused) -> None:
    with shard(base).open("ab") as file:
        file.write(b"\0" * 8)
    assert str(shard(base)) in said()


def test_a_file_that_is_something_else(base: Path, said: Refused) -> None:
    shard(base).write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")
    assert str(shard(base)) in said()


@pytest.mark.parametrize("quantisation", [{"quant_method": "awq"}, {"load_in_4bit": True}])
def test_a_quantised_base(base: Path, said: Refused, quantisation: dict[str, Any]) -> None:
    change_json(base / "config.json", quantization_config=quantisation)
    told = said()
    assert str(base / "config.json") in told
    assert "quantised" in told


def test_a_base_in_8_bits(base: Path, said: Refused) -> None:
    """fp8 without a word of it in the configuration."""
    data = shard(base, 1).read_bytes()
    size = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + size])
    header.pop("__metadata__")
    end = 0
    for entry in header.values():
        entry["data_offsets"] = [end, end + int(np.prod(entry["shape"]))]
        entry["dtype"], end = "F8_E4M3", entry["data_offsets"][1]
    text = json.dumps(header).encode()
    shard(base, 1).write_bytes(len(text).to_bytes(8, "little") + text + b"\0" * end)
    assert "F8_E4M3" in said()


@pytest.mark.parametrize("end", ["proj.weight", "layernorm.weight"])
def test_a_base_with_nan(
    base: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path, end: str
) -> None:
    """It is seen when it is read, changed or not: then nothing has a final name that is not
    whole."""
    tensors = read_tensors(shard(base, 2))
    name = next(name for name in tensors if name.endswith(end))
    tensors[name].flat[-1] = np.inf
    write_tensors(shard(base, 2), tensors, "BF16", {"format": "pt"})
    adapter, out = write_adapter(tmp_path / "v9"), tmp_path / "out"
    told = refused(asked(base, [(adapter, 0.5)], out), capsys)
    assert str(shard(base, 2)) in told
    assert name in told
    assert_nothing_half(out)


def assert_nothing_half(out: Path) -> None:
    """No file has the name of a shard that is not whole, and none makes a model of the folder."""
    assert not (out / "config.json").exists()
    assert not list(out.glob("*.json"))
    for file in out.glob("*.safetensors"):
        read_tensors(file)


def test_a_result_that_its_type_cannot_hold(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    base = write_model(tmp_path / "fp16", {f"{Q_PROJ}.weight": np.full((2, 2), 6e4)}, "F16")
    tensors = pair(Q_PROJ, np.full((1, 2), 6e4), np.ones((2, 1)))
    adapter, out = write_lora(tmp_path / "v9", tensors, r=1, lora_alpha=1), tmp_path / "out"
    told = refused(asked(base, [(adapter, 1.0)], out), capsys)
    assert f"{Q_PROJ}.weight" in told
    assert "F16" in told
    assert_nothing_half(out)


@pytest.mark.parametrize("missing", ["config.json", "all"])
def test_a_folder_that_is_no_model(base: Path, missing: str, said: Refused) -> None:
    for file in base.iterdir():
        if missing in ("all", file.name):
            file.unlink()
    assert str(base) in said()


# --- the command line


@pytest.mark.parametrize("weight", ["half", "", "nan", "inf", "0,5", "1e999"])
def test_a_weight_that_is_no_number(adapter: Path, weight: str, said: Refused) -> None:
    told = said(f"{adapter}={weight}")
    assert f"{adapter}={weight}" in told
    assert "0.56" in told, "an example"


def test_a_weight_that_is_missing(adapter: Path, said: Refused) -> None:
    told = said(str(adapter))
    assert str(adapter) in told
    assert "weight" in told


@pytest.mark.parametrize("where", ["{}+", "+{}", "{}++{}"])
def test_a_checkpoint_that_is_missing(adapter: Path, said: Refused, where: str) -> None:
    """Beside it lies the folder of the run, which is not meant."""
    assert "missing beside +" in said(where.replace("{}", str(adapter)) + "=1")


def test_one_adapter_twice(adapter: Path, tmp_path: Path, said: Refused) -> None:
    assert str(adapter) in said(f"{adapter}=0.5", f"{adapter}=0.25")
    (tmp_path / "again").symlink_to(adapter)
    assert str(tmp_path / "again") in said(f"{adapter}=0.5", f"{tmp_path / 'again'}=0.25")


def test_a_folder_that_holds_something_else(
    base: Path, adapter: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "notes.txt").write_text("mine")
    told = refused(asked(base, [(adapter, 0.5)], out), capsys)
    assert str(out) in told
    assert contents(out) == {"notes.txt": b"mine"}


def test_the_base_is_not_written_over(
    base: Path, adapter: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = contents(base)
    assert str(base) in refused(asked(base, [(adapter, 0.5)], base), capsys)
    assert contents(base) == before


# --- the disk


def test_not_enough_room(said: Refused, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Usage = namedtuple("Usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(10_000, 5_000, 5_000))
    told = said()
    assert str(tmp_path / "out") in told
    assert "0.00 GB" in told or "KB" in told or "5,000" in told


@pytest.mark.parametrize("call", ["write", "fsync"])
@pytest.mark.parametrize("calls", [0, 3, 4])
def test_a_disk_that_fills_up(
    base: Path,
    adapter: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    call: str,
    calls: int,
) -> None:
    """No shard that is not whole has its name, no configuration makes a model of them, and the
    same command goes on once there is room."""
    out, real, count = tmp_path / "out", getattr(os, call), iter(range(10_000))

    def full(*given: Any) -> Any:
        if next(count) >= calls:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(*given)

    arguments = asked(base, [(adapter, 0.5)], out)
    with monkeypatch.context() as patched:
        patched.setattr(os, call, full)
        told = refused(arguments, capsys)
    assert "No space left on device" in told
    assert str(out) in told
    assert_nothing_half(out)
    again = merged(base, [(adapter, 0.5)], out)
    whole = merged(base, [(adapter, 0.5)], tmp_path / "whole")
    assert contents(again) == contents(whole)
