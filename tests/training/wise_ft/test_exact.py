"""The merged weights are the numbers nearest to the exact sum, and all else stays as it was."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from itertools import permutations
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.training.wise_ft.merging import merged
from tests.training.wise_ft.models import (
    ALL,
    OTHERS,
    assert_exact,
    exact,
    pair,
    write_adapter,
    write_base,
    write_lora,
    write_model,
)
from tests.training.wise_ft.tensors import contents, encoded, header_of, read_model, rounded
from training.wise_ft import change

DTYPES = ("BF16", "F16", "F32")
ADAPTERS = st.fixed_dictionaries(
    {
        "r": st.integers(1, 9),
        "alpha": st.sampled_from([1, 8, 16.5, 64]),
        "targets": st.sets(st.sampled_from(ALL), min_size=1),
        "dtype": st.sampled_from(DTYPES),
        "use_rslora": st.booleans(),
        "alpha_pattern": st.sampled_from([{}, {"q_proj": 3, "down_proj": 5.5}]),
    }
)
WEIGHTS = st.one_of(st.sampled_from([0.0, 1.0, -1.0, 0.56]), st.floats(-4, 4))


@settings(max_examples=60, deadline=None)
@given(
    dtype=st.sampled_from(DTYPES),
    shards=st.integers(1, 4),
    parts=st.lists(st.tuples(ADAPTERS, WEIGHTS), min_size=1, max_size=4),
)
def test_any_adapters_at_any_weights(
    dtype: str, shards: int, parts: Sequence[tuple[dict[str, Any], float]]
) -> None:
    with TemporaryDirectory() as folder:
        at = Path(folder)
        base = write_base(at / "base", dtype, shards)
        adapters = [
            (write_adapter(at / f"v{i}", seed=i, **config), weight)
            for i, (config, weight) in enumerate(parts)
        ]
        out = merged(base, adapters, at / "out")
        assert_exact(out, exact(base, adapters), dtype)


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_large_map(tmp_path: Path, dtype: str) -> None:
    """Of a million weights none is on the wrong side of a tie, but for fp16 and fp32 bases, whose
    sums in float32 may be."""
    random = np.random.default_rng(7)
    name = "model.layers.0.mlp.up_proj"
    weights = {f"{name}.weight": random.normal(0, 0.02, (1100, 900))}
    base = write_model(tmp_path / "base", weights, dtype)
    adapters = []
    for i, (r, weight) in enumerate([(64, 0.56), (48, 0.25)]):
        a, b = random.normal(0, 0.03, (r, 900)), random.normal(0, 0.01, (1100, r))
        tensors = pair(name, a, b)
        made = write_lora(tmp_path / f"v{i}", tensors, "F32", r=r, lora_alpha=2 * r)
        adapters.append((made, weight))
    out = merged(base, adapters, tmp_path / "out")
    expected = exact(base, adapters)
    assert_exact(out, expected, dtype)
    nearest = rounded(expected[f"{name}.weight"].values, dtype)
    share = float((read_model(out)[f"{name}.weight"] != nearest).mean())
    assert share <= {"BF16": 0, "F16": 1e-5, "F32": 0.05}[dtype]


def _one(folder: Path, weight: float, change: float, dtype: str = "BF16") -> float:
    """A model of one weight, and an adapter of one number, merged."""
    name = "model.layers.0.mlp.up_proj"
    base = write_model(folder / "base", {f"{name}.weight": np.array([[weight]])}, dtype)
    tensors = pair(name, np.array([[1.0]]), np.array([[change]]))
    adapter = write_lora(folder / "v1", tensors, r=1, lora_alpha=1)
    out = merged(base, [(adapter, 1.0)], folder / "out")
    return float(read_model(out)[f"{name}.weight"][0, 0])


TIE, ONE = 2.0**-8, 1 + 2.0**-7  # half the step of bf16 above 1, and the number after 1


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize(
    ("weight", "change", "expected"),
    [
        (1, TIE, 1),
        (ONE, TIE, 1 + 2.0**-6),
        (1, TIE * (1 + 2.0**-23), ONE),  # above the tie by less than float32 sees in the sum
        (ONE, TIE * (1 - 2.0**-23), ONE),
        (1, -TIE / 2, 1),  # below 1 the step is half as large
        (1, 2.0**-60, 1),
        (2.0**-126, -(2.0**-127), 2.0**-127),  # a subnormal number
        (2.0**-133, -(2.0**-134), 0),
    ],
)
def test_ties_and_what_is_next_to_them(
    tmp_path: Path, weight: float, change: float, expected: float, sign: int
) -> None:
    assert _one(tmp_path, sign * weight, sign * change) == sign * expected


def test_adapters_that_cancel_leave_what_float32_would_lose(tmp_path: Path) -> None:
    """1 + x - x is 1 again, though x is ten million times as large as the base's last bit."""
    name = "model.layers.0.mlp.up_proj"
    base = write_model(tmp_path / "base", {f"{name}.weight": np.full((4, 4), ONE)})
    b = np.full((4, 1), 3e7)
    adapter = write_lora(tmp_path / "v1", pair(name, np.ones((1, 4)), b), r=1, lora_alpha=1)
    other = write_lora(tmp_path / "v2", pair(name, np.ones((1, 4)), b), r=1, lora_alpha=1)
    out = merged(base, [(adapter, 0.3), (other, -0.3)], tmp_path / "out")
    assert (read_model(out)[f"{name}.weight"] == ONE).all()


def test_the_order_of_adapters_does_not_matter(tmp_path: Path) -> None:
    base = write_base(tmp_path / "base")
    ranks = enumerate((2, 5, 16))
    adapters = [(write_adapter(tmp_path / f"v{i}", r, seed=i), 0.3 * i - 0.2) for i, r in ranks]
    outs = [
        merged(base, some, tmp_path / f"out{i}") for i, some in enumerate(permutations(adapters))
    ]
    shards = [{k: v for k, v in contents(out).items() if "safetensors" in k} for out in outs]
    assert all(one == shards[0] for one in shards)


@pytest.mark.parametrize("dtype", DTYPES)
def test_at_weight_0_the_base_comes_out_byte_for_byte(tmp_path: Path, dtype: str) -> None:
    tensors = {"model.layers.0.mlp.up_proj.weight": np.array([[-0.0, 0.5], [1e-3, -2.0]])}
    base = write_model(tmp_path / "base", tensors, dtype)
    b = np.array([[1.0], [2.0]])
    adapter = write_lora(
        tmp_path / "v1", pair("model.layers.0.mlp.up_proj", b.T, b), r=1, lora_alpha=1
    )
    out = merged(base, [(adapter, 0.0)], tmp_path / "out")
    assert contents(out).items() >= contents(base).items()


def test_an_adapter_that_was_not_trained_changes_nothing(tmp_path: Path) -> None:
    base = write_base(tmp_path / "base")
    b, a = np.zeros((16, 4)), np.ones((4, 16))
    adapter = write_lora(
        tmp_path / "v1", pair("model.layers.0.self_attn.q_proj", a, b), r=4, lora_alpha=8
    )
    out = merged(base, [(adapter, 1.0)], tmp_path / "out")
    assert contents(out).items() >= contents(base).items()


@pytest.mark.parametrize("shards", [1, 4])
def test_the_layout_stays(tmp_path: Path, shards: int) -> None:
    """The same files, names, shapes, order and metadata; what is no weight is the same bytes."""
    base = write_base(tmp_path / "base", shards=shards)
    adapter = write_adapter(tmp_path / "v1", targets=["self_attn.q_proj", "mlp.up_proj"])
    out = merged(base, [(adapter, 0.5)], tmp_path / "out")
    old, new = contents(base), contents(out)
    assert new.keys() == old.keys() | {"merge.json"}
    for name in old:
        if name.endswith(".safetensors"):
            assert header_of(out / name) == header_of(base / name)
            assert list(header_of(out / name)) == list(header_of(base / name))
        else:
            assert new[name] == old[name]
    assert OTHERS.keys() <= new.keys()
    before, after = read_model(base), read_model(out)
    changed = {name for name in before if (before[name] != after[name]).any()}
    assert changed == {
        name for name in before if name.endswith(("q_proj.weight", "up_proj.weight"))
    }


def test_checkpoints_of_a_run_are_averaged(tmp_path: Path) -> None:
    base = write_base(tmp_path / "base")
    run = tmp_path / "run"
    first, second = (write_adapter(run / f"checkpoint-{i}", seed=i) for i in (150, 192))
    averaged = merged(base, [f"{first}+{second.name}=0.5"], tmp_path / "averaged")
    both = merged(base, [(first, 0.25), (second, 0.25)], tmp_path / "both")
    assert_exact(averaged, exact(base, [(first, 0.25), (second, 0.25)]), "BF16")
    assert read_shards(averaged) == read_shards(both)


def read_shards(folder: Path) -> dict[str, bytes]:
    """The bytes of a model's shards."""
    return {file.name: file.read_bytes() for file in folder.glob("*.safetensors")}


def test_patterns_of_rank_and_alpha(tmp_path: Path) -> None:
    """As PEFT reads them: a name, the end of one, or a regular expression."""
    base = write_base(tmp_path / "base", "F32")
    random = np.random.default_rng(3)
    scales = {
        "model.layers.0.self_attn.q_proj": (2, 6 / 2),
        "model.layers.1.self_attn.q_proj": (4, 6 / 4),
        "model.layers.0.self_attn.o_proj": (4, 8 / 4),
    }
    pairs = {
        name: (random.normal(size=(r, 16)), random.normal(size=(16, r)))
        for name, (r, _) in scales.items()
    }
    tensors = {k: v for name, (a, b) in pairs.items() for k, v in pair(name, a, b).items()}
    adapter = write_lora(
        tmp_path / "v1",
        tensors,
        r=4,
        lora_alpha=8,
        rank_pattern={r"layers\.0\.self_attn\.q_proj": 2},
        alpha_pattern={"q_proj": 6, "proj": 100},
    )
    before, after = read_model(base), read_model(merged(base, [(adapter, 0.5)], tmp_path / "out"))
    for name, (_, scale) in scales.items():
        a, b = (values.astype(np.float32).astype(float) for values in pairs[name])
        change = after[f"{name}.weight"] - before[f"{name}.weight"]
        assert np.allclose(change, 0.5 * scale * b @ a, rtol=1e-5, atol=1e-5), name


def test_embeddings(tmp_path: Path) -> None:
    """LoRA of an embedding is (B A)^T: A has a column for each token."""
    base = write_base(tmp_path / "base")
    random = np.random.default_rng(3)
    a, b = (rounded(random.normal(size=size), "F32") for size in ((3, 40), (16, 3)))
    at = "base_model.model.model.embed_tokens"
    tensors = {f"{at}.lora_embedding_A": a, f"{at}.lora_embedding_B": b}
    adapter = write_lora(tmp_path / "v1", tensors, r=3, lora_alpha=6)
    name = "model.embed_tokens.weight"
    before, after = read_model(base), read_model(merged(base, [(adapter, 0.5)], tmp_path / "out"))
    nearest = rounded(before[name] + 0.5 * 2 * (b @ a).T, "BF16")
    assert np.array_equal(after[name], nearest)


@pytest.mark.parametrize("weight", [0.0, 0.25, 1.0, -0.5])
def test_what_was_trained_in_full_counts_by_its_difference(tmp_path: Path, weight: float) -> None:
    """`modules_to_save` and biases: W + weight (W_trained - W), beside LoRA of another adapter."""
    base = write_base(tmp_path / "base")
    random = np.random.default_rng(5)
    head, bias = "lm_head.weight", "model.layers.1.self_attn.k_proj.bias"
    trained = {
        name: rounded(random.normal(0, 0.02, shape), "F32")
        for name, shape in ((head, (40, 16)), (bias, (8,)))
    }
    extra = {f"base_model.model.{name}": values for name, values in trained.items()}
    adapter = write_adapter(tmp_path / "v1", extra=extra, bias="all", modules_to_save=["lm_head"])
    a, b = (rounded(random.normal(0, 0.1, size), "F32") for size in ((2, 16), (40, 2)))
    other = write_lora(tmp_path / "v2", pair("lm_head", a, b), r=2, lora_alpha=2)
    out = merged(base, [(adapter, weight), (other, 0.5)], tmp_path / "out")
    before, after = read_model(base), read_model(out)
    sums = {name: before[name] + weight * (trained[name] - before[name]) for name in trained}
    sums[head] += 0.5 * (b @ a)
    for name, exactly in sums.items():
        assert np.array_equal(after[name], rounded(exactly, "BF16")), name


def test_the_report_beside_the_model(tmp_path: Path) -> None:
    base = write_base(tmp_path / "base")
    adapter = write_adapter(tmp_path / "v1")
    out = merged(base, [(adapter, 0.5)], tmp_path / "out")
    told = json.loads((out / "merge.json").read_text())
    assert [part["weight"] for part in told["adapters"]] == [0.5]
    assert str(tmp_path / "v1") in json.dumps(told["adapters"])


def test_rounding_of_the_reference() -> None:
    """The tests' own rounding, against numpy's for the types that it has."""
    random = np.random.default_rng(1)
    values = np.ldexp(random.normal(size=5000), random.integers(-30, 15, 5000))
    for dtype, kind in (("F16", np.float16), ("F32", np.float32)):
        fits = abs(values) < 60000
        assert np.array_equal(rounded(values, dtype)[fits], values[fits].astype(kind).astype(float))
    assert encoded(np.array([1.0, -2.0]), "BF16") == b"\x80\x3f\x00\xc0"


@pytest.mark.parametrize("dtype", DTYPES)
def test_threads_and_blocks_do_not_matter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dtype: str
) -> None:
    random = np.random.default_rng(7)
    name = "model.layers.0.mlp.up_proj"
    base = write_model(
        tmp_path / "base", {f"{name}.weight": random.normal(0, 0.02, (301, 203))}, dtype
    )
    adapters = []
    for i, r in enumerate((24, 7)):
        tensors = pair(name, random.normal(0, 0.1, (r, 203)), random.normal(0, 0.1, (301, r)))
        adapters.append((write_lora(tmp_path / f"v{i}", tensors, r=r, lora_alpha=2 * r), 0.4))
    made = set()
    for threads, block in ((1, 1 << 19), (2, 1 << 19), (1, 1), (5, 203 * 2), (3, 203 * 77 + 5)):
        monkeypatch.setattr(os, "sched_getaffinity", lambda pid, n=threads: set(range(n)))
        monkeypatch.setattr(change, "BLOCK", block)
        out = merged(base, adapters, tmp_path / f"{threads}-{block}")
        made.add((out / "model.safetensors").read_bytes())
    assert len(made) == 1
