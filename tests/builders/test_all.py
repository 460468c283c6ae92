"""`python -m builders all`: what can be built is, and what cannot is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from builders.__main__ import main
from builders.errors import ShopmixError
from builders.llm.opened import DEMO
from tests.conftest import BUILDERS, publish

#: Sets that are made with an LLM.
LABELLED = [made.name for made in BUILDERS["amazon_m2"].sets if made.labels]


def test_a_source_that_is_missing_does_not_stop_the_others(
    demo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("alpaca", "amazon_m2"):
        (tmp_path / "rows" / name).mkdir(parents=True)
        publish(tmp_path / "rows" / name, builder=BUILDERS[name])
    out, rows = tmp_path / "out", str(tmp_path / "rows")
    main(["all", "--source", rows, "--ledger", str(DEMO), "--out", str(out)])
    built = sorted(out.glob("*.parquet"))
    assert {file.name.partition(".")[0] for file in built} == {"alpaca", "amazon_m2"}
    assert all(file.read_bytes() == (demo / file.name).read_bytes() for file in built)
    told = " ".join(capsys.readouterr().out.split())
    assert "not built: mmlu: --source" in told


def test_sets_made_with_an_llm_are_told_where_there_is_none(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # there may be a ledger where we are
    (tmp_path / "amazon_m2").mkdir()
    publish(tmp_path / "amazon_m2", builder=BUILDERS["amazon_m2"])
    main(["all", "--source", str(tmp_path), "--size", "1", "--out", str(tmp_path / "out")])
    told = " ".join(capsys.readouterr().out.split())
    assert LABELLED
    assert all(f"{name} is made with an LLM: name one with --llm" in told for name in LABELLED)
    assert not any((tmp_path / "out" / f"{name}.parquet").exists() for name in LABELLED)


def test_nothing_to_build_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ShopmixError, match="nothing was built"):
        main(["all", "--source", str(tmp_path), "--out", str(tmp_path / "out")])
    with pytest.raises(ShopmixError, match="did you mean all"):
        main(["every"])
