"""The same command again: it goes on, does nothing, or refuses a folder of another run."""

from __future__ import annotations

import fcntl
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.training.qlora.conftest import Configure, made, model, refused, told
from tests.training.qlora.test_checkpoints import checkpoint
from tests.training.qlora.test_refused import merged
from training.qlora.engine import Axolotl

OUT = Path("runs/v8")
TINY = ("v8", "--profile", "cpu-tiny")
PACKAGES = {"axolotl": "0.19.0", "deepspeed": "0.18.6", "rich": "1"}


@pytest.fixture
def axolotl(v8: Path, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Stands for axolotl, which takes each configuration and trains eight steps; returns what it is
    started with."""
    started: list[list[str]] = []

    def run(self: Axolotl, arguments: list[str], log: Path, lock: int) -> None:
        started.append(list(arguments))
        if arguments[0] == "train":
            history = [{"step": step, "loss": 9.0 - step} for step in range(1, 9)]
            state = {"global_step": 8, "max_steps": 8, "epoch": 0.5, "log_history": history}
            shutil.rmtree(OUT / "checkpoint-8", ignore_errors=True)
            folder = checkpoint(OUT, 8)
            (folder / "trainer_state.json").write_text(json.dumps(state), "utf-8")
            shutil.copy(folder / "adapter_model.safetensors", OUT)

    def script(self: Axolotl, name: str, request: Any) -> Any:
        if name == "packs":
            return {"packs": 9, "efficiency": 0.9}
        return {
            "flaws": [],
            "samples": None,
            "why": "no",
            "end": None,
            "packages": PACKAGES,
            "gpus": 8,
        }

    monkeypatch.setattr("training.qlora.engine.find", lambda: Axolotl(Path("bin")))
    monkeypatch.setattr(Axolotl, "run", run)
    monkeypatch.setattr(Axolotl, "script", script)
    return started


def ended() -> dict[str, Any]:
    return dict(json.loads((OUT / "training.json").read_text("utf-8")))


def test_a_run_says_at_its_end_what_it_was(axolotl: list[list[str]], v8: Path) -> None:
    told(*TINY)
    assert axolotl == [["train", "runs/v8/config.yaml", "--launcher", "python"]]
    found = ended()
    assert found["mixture_id"] == json.loads((v8 / "manifest.json").read_text())["id"]
    assert found["steps"] == 8
    assert found["loss"] == [[step, 9.0 - step] for step in range(1, 9)]
    assert found["packages"] == {"axolotl": "0.19.0", "deepspeed": "0.18.6"}
    assert found["hyperparameters"]["lora_r"] == 8
    assert found["last_session"]["from_step"] == 0
    card = (OUT / "README.md").read_text("utf-8")
    assert f"trained on mixture v8 `{found['mixture_id']}`, from a folder" in card
    assert "A LoRA adapter of base, to answer" in card
    assert "| learning_rate | 0.01 |" in card


def test_a_finished_run_is_left_alone(
    axolotl: list[list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    told(*TINY)
    before = {path: path.stat().st_mtime_ns for path in OUT.rglob("*")}
    told(*TINY)
    assert len(axolotl) == 1
    assert "finished already, 8 steps" in capsys.readouterr().out
    assert {path: path.stat().st_mtime_ns for path in OUT.rglob("*")} == before


def test_it_goes_on_from_the_last_whole_checkpoint(
    axolotl: list[list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    told(*TINY)
    (OUT / "training.json").unlink()
    (OUT / "checkpoint-8").rename(OUT / "checkpoint-6")  # which it does not say it is
    checkpoint(OUT, 3)
    told(*TINY)
    said = capsys.readouterr().out
    assert "incomplete-6: set aside" in said
    assert "from step 3 on" in said
    assert ended()["last_session"]["from_step"] == 3


def test_several_gpus_are_a_process_each(axolotl: list[list[str]]) -> None:
    base = model(Path("base"))
    told("v8", "--base", str(base), "--gpus", "4", "--set", "max_steps=8")
    assert axolotl[0] == ["preprocess", "runs/v8/config.yaml"]
    assert axolotl[1][:2] == ["train", "runs/v8/config.yaml"]
    assert axolotl[1][2:] == ["--launcher", "torchrun", "--", "--standalone", "--nproc_per_node=4"]


def test_deepspeed_is_missed_before_anything_is_run(
    axolotl: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(PACKAGES, "deepspeed")
    error = refused("v8", "--base", str(model(Path("base"))), "--gpus", "4")
    assert "bin/python -m pip install 'axolotl[deepspeed]'" in error
    assert not axolotl


def test_a_second_round_says_so_on_its_card(axolotl: list[list[str]]) -> None:
    merged(Path("merged"))
    told("v8", "--from", "merged", "--gpus", "1")
    card = (OUT / "README.md").read_text("utf-8")
    assert "Its base is a merged model: Qwen/Qwen2-7B with runs/v8 (weight 0.56)." in card


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["--set", "lora_r=16"], "lora_r is 8, not 16"),
        (["--set", "seed=2", "--set", "tf32=true"], "seed is 1, not 2; tf32 is False, not True"),
    ],
)
def test_another_run_is_refused(axolotl: list[list[str]], given: list[str], said: str) -> None:
    told(*TINY)
    error = refused(*TINY, *given)
    assert said in error
    assert "runs/v8 holds another run" in error


def test_another_mixture_or_base_is_refused(axolotl: list[list[str]]) -> None:
    told(*TINY)
    old = ended()["mixture_id"]
    made(Path("data/mixtures"), "v8", seed=1)
    assert f"mixture_id is '{old}', not" in refused(*TINY)
    said = refused("v8", "--base", str(model(Path("base"))), "--gpus", "2")
    assert "base is " in said
    assert "gpus is 1, not 2" in said


def test_before_its_first_checkpoint_a_run_may_be_changed(configure: Configure) -> None:
    configure()
    assert configure("--set", "lora_r=16")["lora_r"] == 16


def test_the_same_from_another_folder(
    axolotl: list[list[str]], v8: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told(*TINY)
    out = OUT.resolve()
    (out.parent / "elsewhere").mkdir()
    monkeypatch.chdir(out.parent / "elsewhere")
    told(*TINY, "--out", str(out), "--dataset", str(v8))
    assert len(axolotl) == 1


def test_one_run_at_a_time(axolotl: list[list[str]]) -> None:
    OUT.mkdir(parents=True)
    with (OUT / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert "another run is at work there" in refused(*TINY)
    assert not axolotl


def test_an_end_before_the_last_step_is_none(
    axolotl: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after an interrupt, by which axolotl ends as if all was well."""

    def interrupted(self: Axolotl, arguments: list[str], log: Path, lock: int) -> None:
        if arguments[0] == "train":
            state = {"global_step": 3, "max_steps": 8, "epoch": 0.1, "log_history": []}
            (checkpoint(OUT, 3) / "trainer_state.json").write_text(json.dumps(state), "utf-8")

    monkeypatch.setattr(Axolotl, "run", interrupted)
    assert "after step 3 of 8: run the same command again" in refused(*TINY)
    assert not (OUT / "training.json").exists()
