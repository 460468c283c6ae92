"""The same adapters merged by us and by PEFT, to compare what comes of it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from builders.console import Reporter
from tests.engines.engine import Engine
from tests.training.wise_ft.tensors import read_model, rounded, unit, write_tensors
from training.wise_ft.combination import Combination, opened
from training.wise_ft.merge import merge
from training.wise_ft.save_adapter import save_adapter

Case = dict[str, Any]


def by_both(axolotl: Engine, cases: Mapping[str, Case], at: Path) -> dict[str, Case]:
    """Cases with all results; each has a `base` in bf16, and `adapters` as folder and weight.

    axolotl: its environment has PEFT. at: an empty folder.
    """
    made = {name: case | _ours(case, at / name.replace(" ", "-")) for name, case in cases.items()}
    (at / "cases.json").write_text(json.dumps(made))
    told = axolotl.script("merge_peft", at / "cases.json", at / "told.json")
    return {name: case | {"logits": told[name]} for name, case in made.items()}


def _ours(case: Case, folder: Path) -> Case:
    """The merged model, also of the same base in float32, and all adapters as one, that are saved.

    "svd": of every adapter beside its copy, cut to the rank that both have: nothing is lost.
    """
    base, adapters = case["base"], case["adapters"]
    made = combined(base, adapters)
    merge(made, folder / "out", Reporter())
    wide = stored_as("F32", Path(base), folder / "base")
    merge(combined(str(wide), adapters), folder / "merged", Reporter())
    rank = save_adapter(made, folder / "saved").rank
    halves = [(adapter, weight / 2) for adapter, weight in adapters]
    copies = [(copied(one, f"{folder}/copy-{i}"), half) for i, (one, half) in enumerate(halves)]
    save_adapter(combined(base, halves + copies), folder / "svd", rank)
    saved = {kind: str(folder / kind) for kind in ("saved", "svd")}
    paths = {kind: str(folder / kind) for kind in ("out", "merged", "float32", "float64")}
    return {**paths, "saved": saved}


def stored_as(dtype: str, base: Path, folder: Path) -> Path:
    """A copy of a model, its numbers of another type."""
    shutil.copytree(base, folder, ignore=shutil.ignore_patterns("*.safetensors*"))
    write_tensors(folder / "model.safetensors", read_model(base), dtype)
    return folder


def copied(adapter: str, folder: str) -> str:
    """A copy of an adapter, without the checkpoints of its training."""
    others = [one.name for one in Path(adapter).iterdir() if not one.name.startswith("adapter_")]
    return str(shutil.copytree(adapter, folder, ignore=lambda at, names: others))


def combined(base: str, adapters: list[tuple[str, float]]) -> Combination:
    return opened(base, [f"{adapter}={weight!r}" for adapter, weight in adapters])


def assert_rounded_once(case: Case) -> None:
    """All weights are those of PEFT in float64, rounded."""
    merged, peft = (read_model(Path(case[path])) for path in ("out", "float64"))
    assert merged.keys() == peft.keys()
    for tensor, values in merged.items():
        assert np.array_equal(values, rounded(peft[tensor], "BF16")), tensor


def assert_a_step_off_at_most(case: Case) -> None:
    """PEFT in float32 leaves some weights on a tie: then they are a step off, or, where base and
    change cancel, as much as float32 is."""
    merged, peft = (read_model(Path(case[path])) for path in ("out", "float32"))
    differ = 0
    for tensor, values in merged.items():
        apart = values != peft[tensor]
        differ += apart.sum()
        step = np.maximum(unit(values, "BF16"), 2.0**-24 * abs(values).max())
        assert (abs(values - peft[tensor])[apart] <= step[apart]).all(), tensor
    assert differ <= 1e-5 * sum(values.size for values in merged.values()), differ


def assert_same_logits(case: Case, result: str) -> None:
    """The logits of one of our results are those of base and adapters."""
    logits = {kind: np.array(values) for kind, values in case["logits"].items()}
    expected = logits["adapters"]
    assert abs(logits[result] - expected).max() <= 1e-5 * abs(expected).max()
    assert abs(logits["base"] - expected).max() > 0.01 * abs(expected).max(), "they do change it"
