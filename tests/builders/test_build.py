"""Builds: the same bytes whatever the parts, threads and other sets; and nothing half-written."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import polars as pl
import pytest

from builders import manifest
from builders.builder import Builder
from builders.errors import ShopmixError
from builders.esci import BUILDER, tables
from builders.llm.opened import DEMO
from tests.conftest import BUILDERS, build, publish, samples_of


def _bytes(folder: Path, source: str = "esci") -> dict[str, bytes]:
    """A source's samples and manifests in a folder."""
    return {path.name: path.read_bytes() for path in sorted(folder.glob(f"{source}.*"))}


def _command(*arguments: str, module: str = "esci", **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", f"builders.{module}", *arguments],
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("name", BUILDERS)
@pytest.mark.parametrize(("count", "threads"), [(1, "1"), (7, "2")])
def test_the_same_bytes_for_any_parts_and_threads(
    name: str, count: int, threads: str, demo: Path, tmp_path: Path
) -> None:
    rows, out = tmp_path / "rows", tmp_path / "out"
    rows.mkdir()
    source = str(publish(rows, count, BUILDERS[name]))
    given = ("--source", source, "--ledger", str(DEMO), "--out", str(out))
    command = _command(*given, module=name, POLARS_MAX_THREADS=threads)
    _, errors = command.communicate(timeout=120)
    assert command.returncode == 0, errors
    assert _bytes(out, name) == _bytes(demo, name)


ALONE = (
    "esci.title_for_bullets",
    "esci.bullets_of_product",
    "amazon_m2.previous_clicks",
    "amazon_reviews.also_liked",
    "amazon_reviews.review_of_product",
    "ecinstruct.products_for_query",
)


def test_one_set_alone_is_as_among_all(demo: Path, tmp_path: Path) -> None:
    for name in ALONE:
        build(tmp_path, BUILDERS[name.partition(".")[0]], sets=(name,))
        for ending in ("parquet", "json"):
            alone, among = (folder / f"{name}.{ending}" for folder in (tmp_path, demo))
            assert alone.read_bytes() == among.read_bytes()


@pytest.mark.parametrize("builder", BUILDERS.values(), ids=BUILDERS)
def test_a_small_size_begins_a_large_one(builder: Builder, demo: Path, tmp_path: Path) -> None:
    for name, small in samples_of(build(tmp_path, builder, size=12)):
        large = pl.read_parquet(demo / f"{name}.parquet")
        assert len(small) == 12
        assert small.equals(large.head(12)), name


@pytest.mark.parametrize("builder", BUILDERS.values(), ids=BUILDERS)
def test_a_limit_leaves_fewer_keys(builder: Builder, demo: Path, tmp_path: Path) -> None:
    build(tmp_path, builder, limit=8)
    limited = sum(len(samples) for _, samples in samples_of(tmp_path))
    pattern = f"{builder.source.name}.*.parquet"
    assert limited < sum(pl.read_parquet(file).height for file in demo.glob(pattern))


def test_a_limit_uses_only_so_many_queries(tmp_path: Path) -> None:
    name = "esci.relation_of_query_and_product"
    seen = []
    for limit in (5, 10):
        build(tmp_path, limit=limit, sets=(name,))
        keys = pl.read_parquet(tmp_path / f"{name}.parquet")["keys"].explode()
        seen.append({key for key in keys if key.startswith("query:")})
    assert 1 <= len(seen[0]) <= 5 < len(seen[1]) <= 10
    assert seen[0] < seen[1]


def test_another_seed_draws_another_set(demo: Path, tmp_path: Path) -> None:
    name = "esci.title_for_query"
    build(tmp_path, seed=1, size=20, sets=(name,))
    other = pl.read_parquet(tmp_path / f"{name}.parquet")
    assert not set(other["id"]) & set(pl.read_parquet(demo / f"{name}.parquet")["id"])


def test_keeping_few_texts_changes_nothing(
    demo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sets that begin with a text run out of what was kept, and reading goes on with more."""
    name, size, read = "esci.query_for_description", 50, tables.read
    kept = []

    def watched(*given: object) -> tables.Tables:
        kept.append(read(*given))  # type: ignore[arg-type]
        return kept[-1]

    monkeypatch.setattr("builders.esci.read", watched)
    monkeypatch.setattr("builders.cli.FACTOR", 1)
    monkeypatch.setattr(tables, "POOL", 0)
    build(tmp_path, sets=(name,), size=size)
    assert len(kept) > 1
    assert len(kept[0].texts) < len(kept[-1].texts)
    assert pl.read_parquet(tmp_path / f"{name}.parquet").equals(
        pl.read_parquet(demo / f"{name}.parquet").head(size)
    )


def test_nothing_changed_nothing_rebuilt(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    build(tmp_path, size=10)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    capsys.readouterr()
    build(tmp_path, size=10)
    assert capsys.readouterr().out.count("unchanged") == len(BUILDER.sets)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == before
    build(tmp_path, size=11, sets=("title_for_query",))
    changed = [path.stem for path, then in before.items() if path.stat().st_mtime_ns != then]
    assert set(changed) == {"esci.title_for_query"}


def test_damaged_samples_are_rebuilt(tmp_path: Path) -> None:
    name = "esci.title_for_query"
    path = build(tmp_path, size=10, sets=(name,)) / f"{name}.parquet"
    whole = path.read_bytes()
    path.write_bytes(whole[:-1])
    build(tmp_path, size=10, sets=(name,))
    assert path.read_bytes() == whole


def test_a_manifest_holds_what_a_card_needs(demo: Path) -> None:
    told = json.loads((demo / "esci.title_for_query.json").read_text())
    assert told["number"] == 26
    assert told["made"] == pl.read_parquet(demo / "esci.title_for_query.parquet").height
    assert told["file_hash"] == manifest.hash_file(demo / "esci.title_for_query.parquet")
    assert sum(told["answers"].values()) == told["made"]
    assert told["source_rejects"]["judgement given twice"] == 1
    assert set(told["packages"]) == set(manifest.PACKAGES)
    assert str(demo) not in json.dumps(told)


@pytest.mark.parametrize("after", [0.9, 1.4, 1.9])
def test_a_killed_build_leaves_no_file_that_looks_finished(
    after: float, demo: Path, tmp_path: Path
) -> None:
    command = _command("--source", "demo", "--out", str(tmp_path))
    time.sleep(after)
    command.send_signal(signal.SIGKILL)
    command.communicate()
    for path in tmp_path.glob("*.parquet"):
        assert path.read_bytes() == (demo / path.name).read_bytes()
    build(tmp_path)
    assert _bytes(tmp_path) == _bytes(demo)


def test_a_full_disk_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = "esci.title_for_query"
    path = build(tmp_path, size=10, sets=(name,)) / f"{name}.parquet"
    old = path.read_bytes()

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pl.DataFrame, "write_parquet", full)
    with pytest.raises(ShopmixError, match="No space left"):
        build(tmp_path, size=12, sets=(name,))
    assert path.read_bytes() == old
    assert sorted(p.name for p in tmp_path.iterdir()) == [f"{name}.json", f"{name}.parquet"]
