"""One adapter does what the combination does, under the names that PEFT looks for."""

from __future__ import annotations

import fcntl
import json
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from builders.console import Reporter
from builders.errors import ShopmixError
from tests.training.wise_ft.models import (
    HIDDEN,
    LAYERS,
    LINEAR,
    VOCABULARY,
    pair,
    write_adapter,
    write_base,
    write_lora,
)
from tests.training.wise_ft.tensors import Array, Arrays, contents, read_model, read_tensors
from training.wise_ft.combination import Combination, opened
from training.wise_ft.merge import merge
from training.wise_ft.peft_names import modules_of
from training.wise_ft.save_adapter import save_adapter

AT = "base_model.model."
Save = Callable[..., Path]


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return write_base(tmp_path / "base", "F32", shards=1)


@pytest.fixture
def made(tmp_path: Path, base: Path) -> Combination:
    """Adapters that differ in all they may, together 7 times B A of each sort of maps."""
    v8 = write_adapter(tmp_path / "v8", r=4, alpha=8, seed=1)
    v9b = write_adapter(
        tmp_path / "v9b", r=9, alpha=3, targets=["self_attn.q_proj", "mlp.down_proj"], seed=2,
        use_rslora=True,
    )  # fmt: skip
    return opened(str(base), [f"{v8}=0.5625", f"{v9b}=-0.25"])


def changes(adapter: Path) -> dict[str, Array]:
    """scale * B A by module, read as PEFT reads it."""
    config = json.loads((adapter / "adapter_config.json").read_text())
    tensors = read_tensors(adapter / "adapter_model.safetensors")
    found = {}
    for name, a in tensors.items():
        if not name.endswith(".lora_A.weight"):
            continue
        module = name.removeprefix(AT).removesuffix(".lora_A.weight")
        rank = matched(config["rank_pattern"], module, config["r"])
        alpha = matched(config["alpha_pattern"], module, config["lora_alpha"])
        assert len(a) == rank, name
        scale = alpha / (rank**0.5 if config["use_rslora"] else rank)
        found[module] = scale * (tensors[name.replace(".lora_A.", ".lora_B.")] @ a)
    return found


def matched(patterns: dict[str, Any], module: str, otherwise: Any) -> Any:
    """The value of the first pattern that PEFT finds to be a module's."""
    for pattern, value in patterns.items():
        if re.match(rf"(.*\.)?({pattern})$", module):
            return value
    return otherwise


def selected(config: dict[str, Any], module: str) -> bool:
    """Whether PEFT gives a module of the base the matrices of an adapter."""
    for saved in config["modules_to_save"] or []:
        if re.match(rf"(^|.*\.){saved}($|\..*)", module):
            return False
    return any(
        module == target or module.endswith(f".{target}") for target in config["target_modules"]
    )


def weighted(made: Combination) -> dict[str, Array]:
    """The sum of weight * scale * B A by module, from the adapters' files."""
    total: dict[str, Array] = {}
    for part in made.parts:
        for module, change in changes(part.adapter.folder).items():
            total[module] = total.get(module, 0) + part.weight * change
    return total


def test_the_sum_of_ranks_is_exact(made: Combination, tmp_path: Path) -> None:
    saved = save_adapter(made, tmp_path / "one")
    found, wanted = changes(tmp_path / "one"), weighted(made)
    assert found.keys() == wanted.keys()
    for module, change in wanted.items():
        np.testing.assert_allclose(found[module], change, rtol=0, atol=1e-7 * abs(change).max())
    assert (saved.rank, saved.modules, saved.error) == (13, LAYERS * len(LINEAR), 0)


def test_peft_finds_these_modules_and_no_others(made: Combination, tmp_path: Path) -> None:
    save_adapter(made, tmp_path / "one")
    config = json.loads((tmp_path / "one" / "adapter_config.json").read_text())
    modules = modules_of(made.base.tensors)
    assert {name for name in modules if selected(config, name)} == weighted(made).keys()
    assert config["target_modules"] == sorted(name.rpartition(".")[2] for name in LINEAR)
    assert len(config["rank_pattern"]) == len(LINEAR) - 2  # one for all layers


def test_merged_it_is_what_the_combination_is(made: Combination, tmp_path: Path) -> None:
    save_adapter(made, tmp_path / "one")
    again = opened(str(made.base.folder), [f"{tmp_path / 'one'}=1"])
    merge(again, tmp_path / "again", Reporter())
    merge(made, tmp_path / "merged", Reporter())
    found, wanted = read_model(tmp_path / "again"), read_model(tmp_path / "merged")
    for name, values in wanted.items():
        np.testing.assert_allclose(found[name], values, rtol=0, atol=1e-8, err_msg=name)


@pytest.mark.parametrize("rank", [1, 3, 6])
def test_of_a_smaller_rank_it_is_the_best(made: Combination, tmp_path: Path, rank: int) -> None:
    saved = save_adapter(made, tmp_path / "low", rank)
    missed, norm, worst = 0.0, 0.0, (0.0, "")
    for module, change in changes(tmp_path / "low").items():
        left, values, right = np.linalg.svd(weighted(made)[module], full_matrices=False)
        best = (left[:, :rank] * values[:rank]) @ right[:rank]
        np.testing.assert_allclose(change, best, rtol=0, atol=1e-6 * values[0])
        lost, whole = (values[rank:] ** 2).sum(), (values**2).sum()
        missed, norm = missed + lost, norm + whole
        worst = max(worst, ((lost / whole) ** 0.5, module))
    assert saved.rank == rank
    np.testing.assert_allclose(saved.error, (missed / norm) ** 0.5)
    np.testing.assert_allclose(saved.worst_error, worst[0])
    assert saved.worst_module == worst[1]


def test_a_rank_that_is_enough_loses_nothing(made: Combination, tmp_path: Path) -> None:
    save_adapter(made, tmp_path / "one")
    assert save_adapter(made, tmp_path / "low", 13).error == 0
    one, low = (tmp_path / name / "adapter_model.safetensors" for name in ("one", "low"))
    assert one.read_bytes() == low.read_bytes()


def trained(tmp_path: Path, base: Path) -> tuple[Combination, Arrays, Arrays]:
    """An adapter with all that PEFT saves beside LoRA on linear maps; the base, and its tensors."""
    random, model = np.random.default_rng(5), read_model(base)
    a, b = random.normal(size=(3, VOCABULARY)), random.normal(size=(HIDDEN, 3))
    at = "model.layers.0.self_attn."
    extra = {
        f"{AT}model.embed_tokens.lora_embedding_A": a,
        f"{AT}model.embed_tokens.lora_embedding_B": b,
        f"{AT}model.embed_tokens.base_layer.weight": model["model.embed_tokens.weight"],
        f"{AT}{at}q_proj.base_layer.bias": random.normal(size=HIDDEN),
        f"{AT}{at}v_proj.bias": random.normal(size=HIDDEN // 2),
        f"{AT}{at}k_proj.weight": random.normal(size=(HIDDEN // 2, HIDDEN)),
        f"{AT}model.norm.weight": random.normal(size=HIDDEN),
    }
    folder = write_adapter(
        tmp_path / "all", r=3, alpha=3, targets=["self_attn.q_proj"], extra=extra,
        modules_to_save=["k_proj", "norm"], bias="all",
    )  # fmt: skip
    return opened(str(base), [f"{folder}=0.5"]), extra, model


def test_what_was_trained_in_full(tmp_path: Path, base: Path) -> None:
    made, extra, model = trained(tmp_path, base)
    save_adapter(made, tmp_path / "one")
    found = read_tensors(tmp_path / "one" / "adapter_model.safetensors")
    at = "model.layers.0.self_attn."
    for name in (
        f"{at}q_proj.base_layer.bias",
        f"{at}v_proj.bias",
        f"{at}k_proj.weight",
        "model.norm.weight",
    ):
        mean = (extra[AT + name] + model[name.replace(".base_layer", "")]) / 2
        np.testing.assert_allclose(found[AT + name], mean, rtol=1e-6, err_msg=name)
    # a module that is saved is saved whole: PEFT looks for its bias too
    np.testing.assert_array_equal(found[f"{AT}{at}k_proj.bias"], model[f"{at}k_proj.bias"])
    np.testing.assert_array_equal(
        found[f"{AT}model.embed_tokens.lora_embedding_A"],
        extra[f"{AT}model.embed_tokens.lora_embedding_A"].astype("f4"),
    )
    assert not any("embed_tokens.base_layer" in name for name in found)  # it is the base's
    config = json.loads((tmp_path / "one" / "adapter_config.json").read_text())
    assert config["modules_to_save"] == ["0.self_attn.k_proj", "model.norm"]
    assert config["target_modules"] == ["embed_tokens", "q_proj"]
    assert config["bias"] == "all"


def test_the_bases_own_embedding_in_another_type_was_not_trained(tmp_path: Path) -> None:
    """PEFT saves it beside LoRA on it, in float32 where the training had it so."""
    base, name = write_base(tmp_path / "base", "BF16"), "model.embed_tokens"
    extra = {
        f"{AT}{name}.lora_embedding_A": np.ones((4, VOCABULARY)),
        f"{AT}{name}.lora_embedding_B": np.ones((HIDDEN, 4)),
        f"{AT}{name}.base_layer.weight": read_model(base)[f"{name}.weight"],
    }
    adapter = write_adapter(tmp_path / "v8", targets=["self_attn.q_proj"], extra=extra)
    (part,) = opened(str(base), [f"{adapter}=1"]).parts
    assert (part.adapter.replaced, f"{name}.weight" in part.adapter.pairs) == ({}, True)


def test_a_base_of_the_hub_is_named_as_peft_asks_for_it(made: Combination, tmp_path: Path) -> None:
    base = replace(made.base, name="you/base@v1.0.0")
    save_adapter(replace(made, base=base, revision="c0ffee"), tmp_path / "one")
    config = json.loads((tmp_path / "one" / "adapter_config.json").read_text())
    assert (config["base_model_name_or_path"], config["revision"]) == ("you/base", "c0ffee")


def test_low_rank_upon_a_tensor_trained_in_full_is_saved_in_full(
    tmp_path: Path, base: Path
) -> None:
    name = "model.layers.0.self_attn.k_proj"
    full = {f"{AT}{name}.weight": np.full((HIDDEN // 2, HIDDEN), 0.5)}
    one = write_adapter(tmp_path / "one", targets=["self_attn.q_proj"], extra=full)
    two = write_adapter(tmp_path / "two", targets=["self_attn.k_proj"])
    made = opened(str(base), [f"{one}=0.5", f"{two}=0.25"])
    save_adapter(made, tmp_path / "saved")
    merge(made, tmp_path / "merged", Reporter())
    found = read_tensors(tmp_path / "saved" / "adapter_model.safetensors")
    wanted = read_model(tmp_path / "merged")[f"{name}.weight"]
    np.testing.assert_array_equal(found[f"{AT}{name}.weight"], wanted)
    assert f"{AT}{name}.lora_A.weight" not in found


def test_weight_0_takes_no_part(made: Combination, tmp_path: Path) -> None:
    save_adapter(made.at([0.5625, 0]), tmp_path / "one")
    assert {len(a) for name, a in read_lora(tmp_path / "one") if "lora_A" in name} == {4}


def test_nothing_is_an_adapter_that_changes_nothing(made: Combination, tmp_path: Path) -> None:
    save_adapter(made.at([0, 0]), tmp_path / "one")
    found = changes(tmp_path / "one")
    assert found
    assert not any(change.any() for change in found.values())


def read_lora(adapter: Path) -> list[tuple[str, Array]]:
    return list(read_tensors(adapter / "adapter_model.safetensors").items())


def test_a_finished_one_stays_and_another_is_refused(made: Combination, tmp_path: Path) -> None:
    out = tmp_path / "one"
    saved = save_adapter(made, out)
    before, when = contents(out), (out / "adapter_model.safetensors").stat().st_mtime_ns
    assert save_adapter(made, out) == saved
    assert (out / "adapter_model.safetensors").stat().st_mtime_ns == when
    for other, rank in ((made.at([1, 1]), None), (made, 3)):
        with pytest.raises(ShopmixError, match="holds something else"):
            save_adapter(other, out, rank)
    assert contents(out) == before


def test_bad_folders(made: Combination, tmp_path: Path) -> None:
    with pytest.raises(ShopmixError, match="is there already"):
        save_adapter(made, made.base.folder)
    out = tmp_path / "one"
    save_adapter(made, out)
    whole = (out / "adapter_model.safetensors").read_bytes()
    (out / "adapter_model.safetensors").write_bytes(whole[:-4])
    with pytest.raises(ShopmixError, match="save it anew"):
        save_adapter(made, out)


def test_a_killed_one_is_made_anew(made: Combination, tmp_path: Path) -> None:
    save_adapter(made, tmp_path / "one")
    (tmp_path / ".two.part").mkdir()
    (tmp_path / ".two.part" / "adapter_model.safetensors").write_bytes(b"half")
    save_adapter(made, tmp_path / "two")
    assert contents(tmp_path / "two") == contents(tmp_path / "one")
    assert not (tmp_path / ".two.part").exists()


@pytest.mark.parametrize(
    ("weights", "rank", "said"),
    [([1e38, 1e42], None, "beyond float32"), ([1, 1], 0, "rank is 1 or more")],
)
def test_what_cannot_be_is_refused(
    made: Combination, tmp_path: Path, weights: list[float], rank: int | None, said: str
) -> None:
    with pytest.raises(ShopmixError, match=said):
        save_adapter(made.at(weights), tmp_path / "one", rank)
    assert not [file for file in tmp_path.iterdir() if "one" in file.name]


def test_without_lora_there_is_no_adapter(tmp_path: Path, base: Path) -> None:
    norm = {f"{AT}model.norm.weight": np.ones(HIDDEN)}
    folder = write_lora(tmp_path / "norm", norm, r=1, lora_alpha=1, modules_to_save=["norm"])
    with pytest.raises(ShopmixError, match="no LoRA"):
        save_adapter(opened(str(base), [f"{folder}=1"]), tmp_path / "one")


def test_one_kind_of_a_module(tmp_path: Path, base: Path) -> None:
    shape = {"a": np.ones((2, HIDDEN)), "b": np.ones((HIDDEN, 2))}
    ways = [
        write_lora(
            tmp_path / str(turned),
            pair(f"model.layers.{layer}.self_attn.q_proj", **shape),
            r=2, lora_alpha=2, fan_in_fan_out=turned,
        )
        for layer, turned in ((0, True), (1, False))
    ]  # fmt: skip
    with pytest.raises(ShopmixError, match="fan_in_fan_out"):
        save_adapter(opened(str(base), [f"{one}=1" for one in ways]), tmp_path / "one")


def test_one_process_saves_at_a_time(made: Combination, tmp_path: Path) -> None:
    """A folder that another process writes is not touched; of a killed one it is begun anew."""
    half = tmp_path / ".one.part"
    half.mkdir()
    (half / "adapter_model.safetensors").write_bytes(b"half")
    with pytest.raises(ShopmixError, match="another process is saving it"), held(half):
        save_adapter(made, tmp_path / "one")
    assert [file.name for file in half.iterdir()] == ["adapter_model.safetensors"]
    save_adapter(made, tmp_path / "one")
    assert not half.exists()


@contextmanager
def held(folder: Path) -> Iterator[None]:
    opened = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(opened, fcntl.LOCK_EX)
        yield
    finally:
        os.close(opened)
