"""The card of a merged model, from what the runs of its adapters have said."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from builders.cards.front_matter import parsed, split
from tests.training.wise_ft.merging import merged
from tests.training.wise_ft.models import write_adapter, write_base
from training.runs import TRAINING

BASE = {"name": "Qwen/Qwen2-7B", "revision": "c0ffee", "license": "Apache-2.0"}


def trained(folder: Path, seed: int, **changes: Any) -> Path:
    """An adapter with the record of its training."""
    write_adapter(folder, seed=seed)
    told = {
        "mixture": folder.name,
        "mixture_id": f"{seed:032}",
        "dataset": {
            "where": "you/shopmix",
            "revision": "v1.0.0",
            "commit": "abc",
            "licenses": ["CC-BY-4.0"],
            "languages": ["en"],
        },
        "base": BASE,
        "merge": None,
        "hyperparameters": {"learning_rate": 2e-4},
        "steps": 192,
    }
    (folder / TRAINING).write_text(json.dumps({**told, **changes}), "utf-8")
    return folder


def card(tmp_path: Path, *adapters: Path | str) -> str:
    """README.md of a merge of these, each at half its weight."""
    base = write_base(tmp_path / "base")
    out = merged(base, [f"{one}=0.5" for one in adapters], tmp_path / "track5")
    return (out / "README.md").read_text("utf-8")


def test_a_merge_says_what_its_adapters_were_trained_on(tmp_path: Path) -> None:
    local = {"where": "data/mixtures/v9b", "revision": None, "commit": None}
    data = {**local, "licenses": ["CC-BY-NC-4.0"], "languages": ["ja"]}
    v8, v9b = trained(tmp_path / "v8", 1), trained(tmp_path / "v9b", 2, dataset=data)
    text = card(tmp_path, v8, v9b)
    assert text.split("\n---\n")[1].startswith("\n# track5\n")
    assert f"adapter {v8}, weight 0.5, trained on [you/shopmix]" in text
    assert f"adapter {v9b}, weight 0.5, trained on mixture v9b `{2:032}`, from a folder" in text
    front = parsed(split(text)[0])
    assert front["license"] == "cc-by-nc-4.0"
    assert front["datasets"] == ["you/shopmix"]
    assert front["language"] == ["en", "ja"]
    assert "base, from a folder" in text
    assert str(tmp_path / "base") not in text


def test_checkpoints_are_of_their_run(tmp_path: Path) -> None:
    run = trained(tmp_path / "v8", 1)
    for step in (150, 192):
        write_adapter(run / f"checkpoint-{step}", seed=step)
    text = card(tmp_path, f"{run}/checkpoint-150+checkpoint-192")
    for step in (150, 192):
        assert f"adapter {run}/checkpoint-{step}, weight 0.25, trained on [you/shopmix]" in text


@pytest.mark.parametrize("said", [None, "", "{}", '{"loss": 1}'])
def test_no_card_where_an_adapter_does_not_say_what_it_is(tmp_path: Path, said: str | None) -> None:
    """As one of others, which may have a file of the same name."""
    other = write_adapter(tmp_path / "other", seed=2)
    if said is not None:
        (other / TRAINING).write_text(said, "utf-8")
    with pytest.raises(FileNotFoundError):
        card(tmp_path, trained(tmp_path / "v8", 1), other)
    assert (tmp_path / "track5" / "merge.json").is_file()
