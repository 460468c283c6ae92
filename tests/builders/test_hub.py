"""Rows from the Hub: the real client over HTTP, against a local server with its protocol.

The client reads HF_ENDPOINT when it is imported, so each run of the command is a process.
"""

from __future__ import annotations

import os
import random
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq
import pytest
from huggingface_hub import HfApi, close_session
from huggingface_hub.errors import (
    EntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from builders.esci import BUILDER
from builders.esci.tables import HUB_LABELS
from builders.source import open_source
from tests.conftest import samples_of
from tests.hub_server import HubServer, serving

REPO = str(BUILDER.source.repo)
ONE = ("--sets", "title_for_query", "--size", "5")
#: Between its attempts the client sleeps, 23 seconds in all.
IMPATIENT = """
import runpy, sys, time
time.sleep = lambda seconds: None
runpy.run_module("builders.esci", run_name="__main__", alter_sys=True)
"""


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo rows laid out as tasksource/esci, most bytes being in `product_text`."""
    tables = open_source(BUILDER.source, "demo").tables
    words = {letter: word for word, letter in HUB_LABELS.items()}
    joined = (
        tables["examples"]
        .join(tables["products"], on=["product_id", "product_locale"])
        .with_columns(pl.col("esci_label").replace(words))
        .collect()
    )
    noise = random.Random(0)
    fat = pl.Series("product_text", [noise.randbytes(4000).hex() for _ in range(len(joined))])
    joined = joined.select(fat, pl.all())
    train, test = (joined.filter(split=split).drop("split") for split in ("train", "test"))
    folder = tmp_path_factory.mktemp("published")
    (folder / "README.md").write_text("---\nlicense: apache-2.0\n---\n")
    (folder / "data").mkdir()
    for name, rows in {
        "train-00000-of-00002": train[:250],
        "train-00001-of-00002": train[250:],
        "test-00000-of-00001": test,
    }.items():
        file = folder / "data" / f"{name}.parquet"
        pq.write_table(rows.to_arrow(), file, row_group_size=90)
    return folder


@pytest.fixture
def hub(published: Path) -> Iterator[HubServer]:
    with serving() as server:
        server.add(REPO, published)
        yield server


def start(
    home: Path, endpoint: str, *arguments: str, code: tuple[str, ...] = ("-m", "builders.esci"),
    **environment: str,
) -> subprocess.Popen[str]:  # fmt: skip
    """The command as a process of its own, with nothing of this machine's Hub settings."""
    foreign = re.compile(r"HF_|HUGGING|.*_proxy$", re.IGNORECASE)
    env = {name: value for name, value in os.environ.items() if not foreign.match(name)}
    env |= {"HF_ENDPOINT": endpoint, "HF_HUB_DISABLE_XET": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}
    env |= {"HF_HOME": str(home / "hf"), "XDG_CACHE_HOME": str(home / "cache"), **environment}
    command = [sys.executable, *code, "--source", "hub", "--out", str(home / "out"), *arguments]
    return subprocess.Popen(
        command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def end(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of a run, which never outlives its test."""
    try:
        said, errors = process.communicate(timeout=30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise
    return process.returncode, said, errors


def succeeds(home: Path, hub: HubServer, *arguments: str) -> str:
    """Run the command to its good end; returns what it said."""
    code, said, errors = end(start(home, hub.url, *arguments))
    assert (code, errors) == (0, "")
    return said


def refuses(process: subprocess.Popen[str], seconds: float = 15) -> str:
    """Wait for a run that ends with a clear error, before the client would have stopped trying."""
    before = time.monotonic()
    code, _, errors = end(process)
    assert code == 2, errors
    assert time.monotonic() - before < seconds
    assert "Traceback" not in errors
    told = [line for line in errors.splitlines() if line.startswith("error: ")]
    assert len(told) == 1
    assert REPO in told[0]
    assert "--source demo" in told[0]
    return told[0]


def cached(home: Path) -> list[str]:
    """The files of the cache that have a final name."""
    return sorted(file.name for file in (home / "cache").rglob("*.parquet"))


def test_the_server_speaks_the_protocol(hub: HubServer, tmp_path: Path) -> None:
    """As the client understands it, apart from what the command itself asks for."""
    api, repo = HfApi(endpoint=hub.url), hub.repos[REPO]
    name = "data/test-00000-of-00001.parquet"
    info = api.dataset_info(REPO)
    assert info.sha == repo.commit
    assert {one.rfilename for one in info.siblings or []} == set(repo.files)
    assert set(api.list_repo_files(REPO, repo_type="dataset")) == set(repo.files)
    (file,) = api.get_paths_info(REPO, [name, "absent"], repo_type="dataset")
    assert file.path == name
    for path in (name, "README.md"):
        got = api.hf_hub_download(REPO, path, repo_type="dataset", cache_dir=tmp_path)
        assert Path(got).read_bytes() == repo.files[path].content
    with pytest.raises(RepositoryNotFoundError):
        api.dataset_info("nobody/nothing")
    with pytest.raises(RevisionNotFoundError):
        api.dataset_info(REPO, revision="v9")
    with pytest.raises(EntryNotFoundError):
        api.hf_hub_download(REPO, "absent", repo_type="dataset", cache_dir=tmp_path)
    close_session()


def test_samples_are_those_of_the_demo_rows(
    hub: HubServer, published: Path, esci_demo: Path, tmp_path: Path
) -> None:
    commit = hub.repos[REPO].commit
    assert commit[:12] in succeeds(tmp_path, hub)
    found = dict(samples_of(tmp_path / "out"))
    assert len(found) == len(BUILDER.sets)
    for name, samples in samples_of(esci_demo):
        assert set(found[name]["source_revision"]) == {commit}, name
        assert found[name].drop("source_revision").equals(samples.drop("source_revision")), name

    # the column that nobody asked for was not transferred
    for file in (published / "data").iterdir():
        size, footer = file.stat().st_size, 1 << 16
        assert 0 < hub.sent[f"data/{file.name}"] < size // 10 + footer
    text = "product_text"
    assert len(cached(tmp_path)) == 3
    assert not any(text in pq.read_schema(f).names for f in (tmp_path / "cache").rglob("*.parquet"))

    # and nothing is transferred twice
    hub.sent.clear()
    assert succeeds(tmp_path, hub).count("unchanged") == len(BUILDER.sets)
    assert not hub.sent


def test_another_commit_is_read_anew(hub: HubServer, published: Path, tmp_path: Path) -> None:
    first = hub.repos[REPO].commit
    succeeds(tmp_path, hub, *ONE)
    whole = (tmp_path / "out" / "esci.title_for_query.parquet").read_bytes()
    fewer = tmp_path / "fewer"
    (fewer / "data").mkdir(parents=True)
    name = "train-00000-of-00002.parquet"
    (fewer / "data" / name).write_bytes((published / "data" / name).read_bytes())
    commit = hub.add(REPO, fewer).commit
    assert "unchanged" not in succeeds(tmp_path, hub, *ONE)
    samples = pl.read_parquet(tmp_path / "out" / "esci.title_for_query.parquet")
    assert set(samples["source_revision"]) == {commit}
    assert set(samples["split"]) == {"train"}
    succeeds(tmp_path, hub, *ONE, "--source", f"hub@{first}")
    assert (tmp_path / "out" / "esci.title_for_query.parquet").read_bytes() == whole


def test_a_killed_download_leaves_nothing_that_looks_finished(
    hub: HubServer, tmp_path: Path
) -> None:
    reached, go_on = threading.Event(), threading.Event()

    def stall(name: str) -> bool:
        if hub.sent[name] > 80_000 and name.startswith("data/train-00000"):
            reached.set()
            go_on.wait(30)
        return False

    hub.interrupt = stall
    process = start(tmp_path, hub.url, *ONE)
    assert reached.wait(30)
    process.kill()
    end(process)
    assert cached(tmp_path) == ["test-00000-of-00001.parquet"]
    hub.interrupt = None
    go_on.set()
    hub.sent.clear()
    succeeds(tmp_path, hub, *ONE)
    assert len(cached(tmp_path)) == 3
    assert "data/test-00000-of-00001.parquet" not in hub.sent


def test_a_damaged_file_of_the_cache_is_read_anew(hub: HubServer, tmp_path: Path) -> None:
    succeeds(tmp_path, hub, *ONE)
    whole, cut = sorted((tmp_path / "cache").rglob("train-*.parquet"))
    cut.write_bytes(cut.read_bytes()[:1000])
    hub.sent.clear()
    succeeds(tmp_path, hub, *ONE, "--seed", "1")
    assert set(hub.sent) == {f"data/{cut.name}"}
    assert len(pl.read_parquet([whole, cut])) == 500


def test_a_connection_cut_once_is_made_again(hub: HubServer, tmp_path: Path) -> None:
    cuts = iter([False] * 30 + [True])
    hub.interrupt = lambda _name: next(cuts, False)
    code, _, errors = end(start(tmp_path, hub.url, *ONE))
    assert code == 0, errors
    assert next(cuts, None) is None
    assert len(cached(tmp_path)) == 3


def test_a_connection_cut_again_and_again_is_an_error(hub: HubServer, tmp_path: Path) -> None:
    hub.interrupt = lambda name: name.startswith("data/train") and hub.sent[name] > 80_000
    process = start(tmp_path, hub.url, *ONE, code=("-c", IMPATIENT))
    assert "train-00000-of-00002.parquet" in refuses(process)
    assert cached(tmp_path) == ["test-00000-of-00001.parquet"]
    assert not [file for file in (tmp_path / "cache").rglob("*") if file.suffix == ".tmp"]
    hub.interrupt = None
    succeeds(tmp_path, hub, *ONE)


def test_a_missing_data_set_is_an_error(hub: HubServer, tmp_path: Path) -> None:
    hub.repos.clear()
    assert "Repository Not Found" in refuses(start(tmp_path, hub.url, *ONE))


def test_an_unreachable_hub_is_an_error(tmp_path: Path) -> None:
    with serving() as gone:
        endpoint = gone.url
    assert endpoint in refuses(start(tmp_path, endpoint, *ONE))


def test_a_silent_hub_is_an_error(tmp_path: Path) -> None:
    """It takes the connection and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        endpoint = f"http://127.0.0.1:{silent.getsockname()[1]}"
        refuses(start(tmp_path, endpoint, *ONE, HF_HUB_ETAG_TIMEOUT="1"))


def test_offline_is_an_error(hub: HubServer, tmp_path: Path) -> None:
    assert "offline" in refuses(start(tmp_path, hub.url, *ONE, HF_HUB_OFFLINE="1"))
    assert not hub.requests


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("data/train-0.parquet", b"<html>not parquet</html>", "train-0.parquet"),
        ("data/rows-0.parquet", b"", "rows-0.parquet does not say which split"),
        ("README.md", b"nothing else", "no file *.parquet"),
    ],
)
def test_an_unusable_data_set_is_an_error(
    name: str, content: bytes, told: str, hub: HubServer, tmp_path: Path
) -> None:
    file = tmp_path / "other" / name
    file.parent.mkdir(parents=True)
    file.write_bytes(content)
    hub.add(REPO, tmp_path / "other")
    assert told in refuses(start(tmp_path, hub.url, *ONE))
    assert not cached(tmp_path)
