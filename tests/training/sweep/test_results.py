from __future__ import annotations

import errno
import json
import os
from pathlib import Path
from typing import Any

import pytest

from builders.errors import FatalError, ShopmixError
from tests.training.wise_ft.models import write_base
from training.sweep.results import NAME, Part, Scored, kept
from training.wise_ft.checkpoint import open_checkpoint
from training.wise_ft.digest import digest


def part(digest: str = "d8", weight: float = 0.5) -> Part:
    return Part(name="v8", digest=digest, weight=weight)


def scored(score: float = 0.7, **told: Any) -> Scored:
    return Scored.model_validate(
        {
            "base": "b",
            "adapters": (part(), part("d9", 0.25)),
            "command": "c",
            "score": score,
            "seconds": 2.0,
            **told,
        }
    )


def test_results_outlive_the_process_that_found_them(tmp_path: Path) -> None:
    with kept(tmp_path / "new") as results:
        results.add(scored())
    with kept(tmp_path / "new") as results:
        results.add(scored(0.8, command="other"))
    with kept(tmp_path / "new") as results:
        assert [one.score for one in results.points.values()] == [0.7, 0.8]
        assert results.points[scored().key] == scored()


@pytest.mark.parametrize(
    ("told", "same"),
    [
        ({"adapters": (part("d9", 0.25), part())}, True),
        ({"score": 0.1, "seconds": 9.0}, True),
        ({"adapters": (part(), part("d9", 0.26))}, False),
        ({"adapters": (part("other"), part("d9", 0.25))}, False),
        ({"adapters": (part(),)}, False),
        ({"base": "other"}, False),
        ({"command": "other"}, False),
    ],
)
def test_what_a_point_is_known_by(told: dict[str, Any], same: bool) -> None:
    assert (scored(**told).key == scored().key) is same


def test_a_line_that_a_crash_cut_off_is_gone(tmp_path: Path) -> None:
    with kept(tmp_path) as results:
        results.add(scored())
    whole = (tmp_path / NAME).read_bytes()
    (tmp_path / NAME).write_bytes(whole + whole[:-5])
    with kept(tmp_path) as results:
        assert len(results.points) == 1
        results.add(scored(command="next"))
    lines = (tmp_path / NAME).read_text().splitlines()
    assert [json.loads(line)["command"] for line in lines] == ["c", "next"]


def test_a_full_disk_is_told_and_what_was_scored_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.write

    def full(fd: int, data: bytes) -> int:
        monkeypatch.setattr(os, "write", nothing)
        return real(fd, data[:20])

    def nothing(fd: int, data: bytes) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(FatalError, match="No space left on device"), kept(tmp_path) as results:
        results.add(scored())
        monkeypatch.setattr(os, "write", full)
        results.add(scored(command="next"))
    with kept(tmp_path) as results:
        assert list(results.points) == [scored().key]


def test_a_line_that_is_no_result_is_named(tmp_path: Path) -> None:
    (tmp_path / NAME).write_text(scored().model_dump_json() + '\n{"score": 1}\n')
    with pytest.raises(ShopmixError, match="line 2 is no result"), kept(tmp_path):
        pass


def test_one_sweep_at_a_time(tmp_path: Path) -> None:
    with (
        kept(tmp_path),
        pytest.raises(ShopmixError, match="another sweep is at work"),
        kept(tmp_path),
    ):
        pass


def test_a_folder_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ShopmixError, match="cannot be written"), kept(tmp_path / "file"):
        pass


def test_a_folder_with_other_files(tmp_path: Path) -> None:
    (tmp_path / "thesis.md").touch()
    with pytest.raises(ShopmixError, match="holds other files: give a new folder"), kept(tmp_path):
        pass
    assert [file.name for file in tmp_path.iterdir()] == ["thesis.md"]


def test_a_base_is_told_from_another_by_weights_and_tokenizer(tmp_path: Path) -> None:
    def digest_of(name: str, seed: int = 0, more: str = "README") -> str:
        base = write_base(tmp_path / name, seed=seed)
        (base / more).write_text("new")
        return digest(open_checkpoint(base))

    same = digest_of("base")
    assert digest_of("moved", more="README.md") == same
    assert digest_of("other", seed=1) != same
    assert digest_of("template", more="chat_template.jinja") != same
