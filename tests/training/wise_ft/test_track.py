"""A track's recipe: the paper's weights, and the same merge as when they are given by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from builders.errors import ShopmixError
from tests.training.wise_ft.models import write_adapter, write_base
from tests.training.wise_ft.tensors import read_model
from training.wise_ft import track as tracks
from training.wise_ft.__main__ import main
from training.wise_ft.track import track

#: The table "wise-ft and the adapter ensemble" of arXiv 2408.04658.
PUBLISHED = {
    1: {"v8": 0.56, "v9b": 0.75},
    2: {"v7": 1.0, "v7b": 0.5},
    3: {"v8": 0.56, "v9b": 0.25},
    4: {"v7": 1.0, "v7b": 0.5},
    5: {"v8": 0.56, "v9b": 0.25},
}


@pytest.mark.parametrize("number", PUBLISHED)
def test_weights_are_the_published(number: int) -> None:
    assert track(number).adapters == PUBLISHED[number]
    assert track(number).base_model == "Qwen/Qwen2-72B-Instruct"


def test_a_track_merges_what_its_recipe_says(tmp_path: Path) -> None:
    base, runs = write_base(tmp_path / "base"), tmp_path / "runs"
    write_adapter(runs / "v8", r=4, seed=1)
    write_adapter(runs / "v9b", r=2, seed=2)
    by_hand = [f"--adapter={runs / name}={weight}" for name, weight in PUBLISHED[5].items()]
    main(["--base", str(base), "--track", "5", "--runs", str(runs), "--out", str(tmp_path / "a")])
    main(["--base", str(base), *by_hand, "--out", str(tmp_path / "b")])
    one, other = read_model(tmp_path / "a"), read_model(tmp_path / "b")
    assert all((one[name] == other[name]).all() for name in other)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("adapters: {v8: much}\nbase_model: b", "adapters.v8: "),
        ("adapters: {v8: .nan}\nbase_model: b", "adapters.v8: "),
        ("adapters: {}\nbase_model: b", "adapters: "),
        ("adapters: {v8: 1}\nbase: b", "base_model: "),
        ("adapters: [", "track5.yaml, line 1: "),
        ("adapters: {v8: 1}\nadapters: {v7: 1}\nbase_model: b", "'adapters' stands twice"),
    ],
)
def test_a_bad_recipe_is_told(
    text: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "track5.yaml").write_text(text)
    monkeypatch.setattr(tracks, "TRACKS", tmp_path)
    with pytest.raises(ShopmixError, match=message):
        track(5)


def test_there_are_five_tracks() -> None:
    with pytest.raises(ShopmixError, match="1 to 5"):
        track(6)
    with pytest.raises(ShopmixError, match="--track or --adapter"):
        main(["--track", "5", "--adapter", "runs/v8=1", "--out", "out"])
