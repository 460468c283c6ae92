"""`python -m training.qlora` and the real axolotl: it learns what is meant, and outlives a kill."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import mean

import numpy as np
import pytest
import yaml
from datasets import load_from_disk
from safetensors.numpy import load_file
from tokenizers import Tokenizer

from builders.mixture.manifest import TRAIN
from tests.conftest import BUILDERS, build
from tests.engines.conftest import Row
from tests.engines.engine import QUIET, ROOT, Engine
from tests.engines.merging import (
    assert_a_step_off_at_most,
    assert_rounded_once,
    assert_same_logits,
    by_both,
    stored_as,
)
from tests.mixture.mixing import mixed, recipe
from tests.mixture.mixing import rows as rows_of
from training.qlora import checkpoints

pytestmark = pytest.mark.engines
#: Short answers for the most part: what numbers look like is learned in a few steps.
SIZES = {
    "esci.title_for_query": "at most 20",
    "esci.rank_products_for_query": "at most 60",
    "esci.exact_products_for_query": "at most 60",
    "amazon_m2.explain_product_type": "at most 10",
    "amazon_reviews.rating_of_review": "at most 60",
    "ecinstruct.attribute_value": "at most 20",
}
STEPS = 8
TINY = ("--profile", "cpu-tiny")
LORA = (*TINY, "--set", "adapter=lora", "--set", "load_in_4bit=false")


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a mixture of demo rows where the command looks for it."""
    desk = tmp_path_factory.mktemp("desk")
    for source in {name.partition(".")[0] for name in SIZES}:
        sets = tuple(name.partition(".")[2] for name in SIZES if name.startswith(source))
        build(desk / "samples", BUILDERS[source], sets=sets)
    mixed(recipe(desk / "v8.yaml", SIZES), desk / "samples", desk / "data" / "mixtures")
    return desk


@pytest.fixture(scope="module")
def start(engine: Callable[[str], Engine], desk: Path) -> Callable[..., "subprocess.Popen[str]"]:
    """Begin a run, and go on."""
    axolotl = engine("axolotl")
    path = f"{axolotl.bin}{os.pathsep}{os.environ['PATH']}"
    env = {**os.environ, **QUIET, "PYTHONPATH": str(ROOT), "PATH": path}

    def begin(*arguments: str) -> "subprocess.Popen[str]":
        command = [sys.executable, "-m", "training.qlora", "v8"]
        return subprocess.Popen(
            [*command, *arguments],
            cwd=desk,
            env={**env, "HF_HOME": str(axolotl.scratch)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    return begin


@pytest.fixture(scope="module")
def run(start: Callable[..., "subprocess.Popen[str]"]) -> Callable[..., str]:
    """Run the command to its end; returns what it said."""

    def ended(*arguments: str, code: int = 0) -> str:
        with start(*arguments) as process:
            said, _ = process.communicate(timeout=600)
        assert process.returncode == code, said[-4000:]
        return said

    return ended


@pytest.fixture(scope="module")
def qlora(run: Callable[..., str], desk: Path) -> tuple[Path, str]:
    """A finished run in 4 bits, and what it said."""
    said = run(*TINY, "--out", "runs/qlora")
    return desk / "runs" / "qlora", said


@pytest.fixture(scope="module")
def killed(start: Callable[..., "subprocess.Popen[str]"], desk: Path) -> Path:
    """A LoRA run that was killed, with axolotl, after its first checkpoint."""
    out = desk / "runs" / "lora"
    with start(*LORA, "--out", str(out)) as process:
        while not any(checkpoints.whole(path, 1) for path in checkpoints.steps(out).values()):
            assert process.poll() is None, process.communicate()[0][-4000:]
            time.sleep(0.05)
        for victim in (*children(process.pid), process.pid):
            os.kill(victim, signal.SIGKILL)
    assert not (out / "training.json").exists()
    return out


def children(pid: int) -> Iterator[int]:
    """The processes that a process has begun, the youngest first."""
    for found in map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split()):
        yield from children(found)
        yield found


def prepared_in(out: Path) -> Path:
    """The tokens of a run that has no validation split."""
    (found,) = (path.parent for path in (out / "prepared").rglob("dataset_info.json"))
    return found


def chatml(row: Row) -> str:
    """The whole sample in ChatML, written out by hand: the template must not judge itself."""
    return "".join(
        f"<|im_start|>{message['role']}\n{message['content']}<|im_end|>\n"
        for message in row["messages"]
    )


def test_the_labels_are_the_answer_and_the_end_of_the_turn(
    qlora: tuple[Path, str], desk: Path
) -> None:
    """No sample of what axolotl really trained on is lost, and nothing else is learned."""
    out, said = qlora
    assert "the answer and <|im_end|> carry loss, and nothing else" in said
    tokenizer = Tokenizer.from_file(str(out / "base" / "tokenizer.json"))
    found = Counter(
        tuple(
            tokenizer.decode(
                [token for token in row[key] if token != -100], skip_special_tokens=False
            )
            for key in ("input_ids", "labels")
        )
        for row in load_from_disk(str(prepared_in(out)))
    )
    samples = rows_of(desk / "data" / "mixtures" / "v8", TRAIN).to_dicts()
    assert len(samples) > 100
    assert found == Counter(
        (chatml(row), row["messages"][-1]["content"] + "<|im_end|>") for row in samples
    )


def test_samples_of_a_pack_do_not_see_each_other(
    run: Callable[..., str], engine: Callable[[str], Engine], desk: Path, tmp_path: Path
) -> None:
    """The loss of a pack, before anything is learned, is that of its samples one by one. If they
    did see each other, and how far the one before is, it would be another."""
    sizes = {"amazon_reviews.rating_of_review": "at most 12"}
    made = recipe(tmp_path / "v8.yaml", sizes, folds=1_000_000)
    assert mixed(made, desk / "samples", tmp_path).rows(TRAIN) == 12
    keys = ("lora_dropout=0", "max_steps=1", "sequence_len=4096")
    out, axolotl = tmp_path / "run", engine("axolotl")
    given = ("--config-only", "--dataset", str(tmp_path), "--out", str(out))
    run(*LORA, *given, *(word for key in keys for word in ("--set", key)))
    axolotl.run("axolotl", "train", out / "config.yaml", "--launcher", "python")
    state = checkpoints.state(out / "checkpoint-1")
    assert state and state["epoch"] == 1, "one pack has all samples"
    loss = state["log_history"][0]["loss"]
    found = axolotl.script("losses", out / "base", prepared_in(out), tmp_path / "losses.json")
    assert found["samples"] == 12
    assert loss == pytest.approx(found["alone"], abs=1e-4)
    assert abs(found["together"] - found["alone"]) > 0.1


@pytest.mark.parametrize("name", ["qlora", "lora"])
def test_the_loss_falls_and_the_whole_adapter_moves(
    name: str, request: pytest.FixtureRequest
) -> None:
    out = request.getfixturevalue("qlora")[0] if name == "qlora" else resumed_of(request)
    ended = json.loads((out / "training.json").read_text("utf-8"))
    losses = [loss for _, loss in ended["loss"]]
    assert ended["steps"] == len(losses) == STEPS
    assert mean(losses[-3:]) < mean(losses[:3]) - 1, losses
    assert ended["config"]["sample_packing"] is True
    assert ended["config"]["load_in_4bit"] is (name == "qlora")
    tensors = load_file(out / "adapter_model.safetensors")
    assert len(tensors) == 2 * 7 * 2, "2 layers, 7 linear maps each, A and B"
    assert all(np.isfinite(one).all() and one.any() for one in tensors.values())


def resumed_of(request: pytest.FixtureRequest) -> Path:
    out: Path = request.getfixturevalue("resumed")
    return out


@pytest.fixture(scope="module")
def resumed(killed: Path, run: Callable[..., str]) -> Path:
    """The killed run once more."""
    assert "axolotl trains, from step 3 on" in run(*LORA, "--out", str(killed))
    return killed


def test_a_killed_run_goes_on_from_its_checkpoint(resumed: Path) -> None:
    """It ends with the steps of a run that was not disturbed, each taken once, and keeps what the
    killed process had learned. Its adapter need not be that of another run bit by bit."""
    ended = json.loads((resumed / "training.json").read_text("utf-8"))
    assert ended["last_session"]["from_step"] == 3
    assert [step for step, _ in ended["loss"]] == list(range(1, STEPS + 1))
    assert [step for step, _ in ended["eval_loss"]][-1] == STEPS
    before = checkpoints.state(resumed / "checkpoint-3")
    assert before
    told = [[one["step"], one["loss"]] for one in before["log_history"] if "loss" in one]
    assert told == ended["loss"][:3]


def test_a_misspelt_key_is_refused(run: Callable[..., str], desk: Path) -> None:
    wrong = ("learnin_rate=1", "optimizer=adamw_torhc", "fsdp_config={offload_param: true}")
    given = (word for one in wrong for word in ("--set", one))
    said = run(*TINY, "--check", "--out", "runs/wrong", *given, code=2)
    assert "learnin_rate is no key of axolotl's: did you mean learning_rate?" in said
    assert "fsdp_config.offload_param is no key of axolotl's: did you mean offload_params?" in said
    assert "optimizer 'adamw_torhc' is unknown to axolotl: did you mean adamw_torch?" in said
    assert not (desk / "runs" / "wrong" / "prepared").exists()


@pytest.mark.parametrize(
    ("given", "key"),
    [
        ("--gpu a100-80gb", "deepspeed"),
        ("--gpu l40s-48gb", "fsdp_config"),
        ("--gpu t4-16gb --gpus 1", "sdpa_varlen"),
    ],
)
def test_axolotl_takes_what_is_written_for_gpus(
    run: Callable[..., str], desk: Path, given: str, key: str
) -> None:
    """Qwen2-72B is not at hand here, so this is of the configuration alone."""
    said = run("--check", *given.split(), "--out", f"runs/{key}")
    assert "the configuration is valid. Which tokens carry loss cannot be shown" in said
    assert key in yaml.safe_load((desk / "runs" / key / "config.yaml").read_text("utf-8"))


def test_adapters_that_were_trained_merge_as_peft_merges_them(
    engine: Callable[[str], Engine], qlora: tuple[Path, str], resumed: Path, tmp_path: Path
) -> None:
    """Both upon a base in bf16; what is saved as one adapter gives the same logits."""
    base = stored_as("BF16", qlora[0] / "base", tmp_path / "base")
    asked = {"base": str(base), "adapters": [[str(qlora[0]), 0.56], [str(resumed), 0.25]]}
    case = by_both(engine("axolotl"), {"trained": asked}, tmp_path)["trained"]
    assert_rounded_once(case)
    assert_a_step_off_at_most(case)
    for way in ("merged", "saved", "svd"):
        assert_same_logits(case, way)
