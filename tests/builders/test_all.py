"""`python -m builders all`: what can be built is, and what cannot is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from builders.__main__ import main
from builders.errors import ShopmixError
from tests.conftest import BUILDERS, publish

WAITING = [made.name for one in BUILDERS.values() for made in one.sets if made.waits]


def test_a_source_that_is_missing_does_not_stop_the_others(
    demo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("alpaca", "amazon_m2"):
        (tmp_path / "rows" / name).mkdir(parents=True)
        publish(tmp_path / "rows" / name, builder=BUILDERS[name])
    out = tmp_path / "out"
    main(["all", "--source", str(tmp_path / "rows"), "--out", str(out)])
    built = sorted(out.glob("*.parquet"))
    assert {file.name.partition(".")[0] for file in built} == {"alpaca", "amazon_m2"}
    assert all(file.read_bytes() == (demo / file.name).read_bytes() for file in built)
    told = " ".join(capsys.readouterr().out.split())
    assert "not built: mmlu: --source" in told


def test_sets_that_wait_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["all", "--source", "demo", "--size", "1", "--out", str(tmp_path)])
    told = " ".join(capsys.readouterr().out.split())
    assert len(WAITING) == 5
    assert all(f"{name}: waits for" in told for name in WAITING)
    assert not any((tmp_path / f"{name}.parquet").exists() for name in WAITING)


def test_nothing_to_build_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ShopmixError, match="nothing was built"):
        main(["all", "--source", str(tmp_path), "--out", str(tmp_path / "out")])
    with pytest.raises(ShopmixError, match="did you mean all"):
        main(["every"])
