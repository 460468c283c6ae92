from __future__ import annotations

import pytest

from training.wise_ft.peft_names import endings, lora_config, modules_of

LAYERS = [f"model.layers.{i}.self_attn.{name}" for i in range(12) for name in ("q_proj", "kv_proj")]
ALL = modules_of([f"{name}.weight" for name in (*LAYERS, "model.norm", "lm_head", "mtp.lm_head")])
Q = [name for name in LAYERS if name.endswith(".q_proj")]


@pytest.mark.parametrize(
    ("chosen", "anywhere", "expected"),
    [
        (Q, False, ["q_proj"]),
        (LAYERS, False, ["kv_proj", "q_proj"]),
        (Q[:1], False, ["0.self_attn.q_proj"]),
        (Q[:1], True, ["layers.0.self_attn.q_proj"]),  # that of layer 10 ends with the same
        (["model.norm"], True, ["norm"]),
        (["mtp.lm_head"], False, ["mtp.lm_head"]),
        (["lm_head"], False, ["lm_head"]),  # PEFT has no name for it that is not the other's too
        (["lm_head", "mtp.lm_head"], False, ["lm_head"]),
        ([], False, []),
    ],
)
def test_the_shortest_ends(chosen: list[str], anywhere: bool, expected: list[str]) -> None:
    assert endings(chosen, ALL, anywhere) == expected


def test_modules_are_all_parents_of_tensors() -> None:
    assert modules_of(["model.layers.0.mlp.weight", "lm_head.bias"]) == {
        "model",
        "model.layers",
        "model.layers.0",
        "model.layers.0.mlp",
        "lm_head",
    }


def test_servers_make_room_for_the_largest_rank() -> None:
    config = lora_config(dict.fromkeys(Q, 4) | {Q[3]: 9}, (), ALL)
    assert (config["r"], config["lora_alpha"]) == (9, 9)
    assert config["rank_pattern"] == config["alpha_pattern"]
    assert set(config["rank_pattern"].values()) == {4}
