"""Publishing: what stands on the Hub after it, and what users load."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from pathlib import Path

import pytest
from huggingface_hub import DatasetCard

from builders.mixture.manifest import NAME
from tests.hub_server import WRITE, Commit, HubServer
from tests.hub_server.client import environment
from tests.publish.conftest import REPO, Publish, commits, line, loaded, on_request, succeeded
from tests.publish.mixtures import CLOSED, ids, mixture, shards, theirs

FOUR = ("v7", "v8", "v7b", "v9b")


def test_four_mixtures_and_two_versions(
    hub: HubServer, publish: Publish, mixtures: Path, tmp_path: Path
) -> None:
    for name in FOUR:
        mixture(mixtures, name)
    first = {name: ids(mixtures, name) for name in FOUR}
    said = succeeded(publish(*FOUR))
    assert 'load_dataset("you/shopmix", "v7b", revision="v1.0.0")' in said
    for name in FOUR:
        mixture(mixtures, name, seed=1)
    second = {name: ids(mixtures, name) for name in FOUR}
    succeeded(publish(*FOUR, version="2.0.0"))

    repo = hub.repos[REPO]
    assert repo.private
    assert commits(hub) == [
        "v2.0.0: v7, v8, v7b, v9b",
        "v1.0.0: v7, v8, v7b, v9b",
        "initial commit",
    ]
    assert repo.tags["v2.0.0"].oid == repo.commit
    assert not any(path.endswith(("duplicates.parquet", "leaks.parquet")) for path in repo.files)
    found = loaded(hub, tmp_path / "home", "v1.0.0", *FOUR)
    assert {name: splits["train"] for name, splits in found.items()} == first
    streamed = loaded(hub, tmp_path / "home", "v2.0.0", *FOUR, streaming=True)
    assert {name: splits["train"] for name, splits in streamed.items()} == second
    assert streamed["v8"]["validation"] == ids(mixtures, "v8", "validation")
    assert all(first[name] != second[name] for name in FOUR)


@pytest.mark.usefixtures("unverified")
def test_unchanged_shards_are_not_sent_again_and_old_ones_go(
    hub: HubServer, publish: Publish, mixtures: Path
) -> None:
    mixture(mixtures, "v8", rows=(40, 40, 40))
    succeeded(publish("v8"))
    (same, *_, old), before = shards(mixtures, "v8"), dict(hub.received)
    told = mixture(mixtures, "v8", rows=(40, 40, 40), seed=1)
    new = shards(mixtures, "v8")[-1]
    succeeded(publish("v8", version="1.0.1"))

    sent = {name for name, count in hub.received.items() if count != before.get(name)}
    sha256 = {file.path: file.sha256 for file in told.files}
    assert sent == {sha256[new.name], "README.md", "croissant.json", f"v8/{NAME}"}
    assert hub.received[sha256[new.name]] == new.stat().st_size
    assert f"v8/{old.name}" not in hub.repos[REPO].files
    assert f"v8/{old.name}" in hub.repos[REPO].tags["v1.0.0"].files
    assert f"v8/{same.name}" in hub.repos[REPO].files


def test_what_others_wrote_is_kept(
    hub: HubServer, publish: Publish, mixtures: Path, tmp_path: Path
) -> None:
    repo, files = hub.create(REPO, private=True), theirs()
    repo.add(Commit(files, "theirs"))
    mixture(mixtures, "v7")
    mixture(mixtures, "v8")
    succeeded(publish("v7"))
    said = succeeded(publish("v8", version="1.1.0"))

    assert "raw/manifest.json is no manifest of a mixture" in said
    for path, entry in files.items():
        if path != "README.md":
            assert repo.files[path] == entry
    card = repo.files["README.md"].content.decode()
    assert "# Notes\n\nWritten by hand.\n" in card
    assert "# ours\nmy_key: 7\n" in card
    told = DatasetCard(card).data.get("configs")
    assert [one["config_name"] for one in told] == ["raw", "v7", "v8"]
    assert 'load_dataset("you/shopmix", "v7", revision="v1.1.0")' in card
    found = loaded(hub, tmp_path / "home", "v1.1.0", "raw", "v7")
    assert found["raw"] == {"train": ["1"]}
    assert found["v7"]["train"] == ids(mixtures, "v7")


def test_public_at_the_end(hub: HubServer, publish: Publish, mixtures: Path) -> None:
    mixture(mixtures, "v8")
    seen = []

    def before(method: str, path: str) -> None:
        if path.endswith("/settings"):
            seen.append((hub.repos[REPO].private, list(hub.repos[REPO].tags)))

    on_request(hub, before)
    assert "public, at" in succeeded(publish("v8", "--public"))
    assert seen == [(True, ["v1.0.0"])]
    assert not hub.repos[REPO].private


@pytest.mark.usefixtures("unverified")
def test_with_rights_of_ones_own(hub: HubServer, publish: Publish, mixtures: Path) -> None:
    mixture(mixtures, "v8", part=CLOSED)
    succeeded(publish("v8", "--public", "--i-have-checked"))
    assert not hub.repos[REPO].private


def test_several_times_in_one_go(hub: HubServer, publish: Publish, mixtures: Path) -> None:
    """More shards than are sent at once, some of them in parts; a log has a line for each batch."""
    hub.part_bytes = 4000
    mixture(mixtures, "v8", rows=(20,) * 9)
    said = succeeded(publish("v8", "v8"))
    assert re.findall(r"(\d+) of 10 shards there", said) == ["8", "10"]
    assert commits(hub) == ["v1.0.0: v8", "initial commit"]


def test_a_terminal_has_a_bar_for_each_file(hub: HubServer, mixtures: Path, tmp_path: Path) -> None:
    mixture(mixtures, "v8")
    env = environment(tmp_path, hub.url, WRITE, TERM="xterm")
    del env["HF_HUB_DISABLE_PROGRESS_BARS"]
    ours, theirs = pty.openpty()
    fcntl.ioctl(ours, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 160, 0, 0))
    command = [sys.executable, *line("v8", version="1.0.0", repo=REPO, mixtures=mixtures)]
    with subprocess.Popen(command, env=env, stdout=theirs, stderr=theirs):
        os.close(theirs)
        said = b""
        with contextlib.suppress(OSError):  # a terminal's end
            while block := os.read(ours, 4096):
                said += block
    os.close(ours)
    for shard in shards(mixtures, "v8"):
        assert re.search(rf"{shard.name}: 100%", said.decode())
    assert list(hub.repos[REPO].tags) == ["v1.0.0"]


@pytest.mark.usefixtures("unverified")
@pytest.mark.parametrize("there", [False, True])
def test_a_dry_run_sends_nothing(
    hub: HubServer, publish: Publish, mixtures: Path, there: bool
) -> None:
    mixture(mixtures, "v8")
    if there:
        succeeded(publish("v8"))
        mixture(mixtures, "v8", seed=1)
    hub.requests.clear()
    old = hub.repos[REPO].commit if there else None
    said = succeeded(publish("v8", "--dry-run", version="1.1.0"))

    assert {method for method, _ in hub.requests} <= {"GET", "HEAD"}
    assert (hub.repos[REPO].commit if there else None) == old
    added = [path.name for path in shards(mixtures, "v8")]
    if there:
        assert f"keep    v8/{added[0]}" in said
        assert len(re.findall("^delete  v8/train-", said, re.MULTILINE)) == 1
        assert re.search(r'^-.*revision="v1.0.0"', said, re.MULTILINE)
    else:
        assert f"add     v8/{added[0]}  40 rows, " in said
        assert "the data set would be made, private" in said
    assert f"add     v8/{added[1]}  40 rows, " in said
    assert re.search(r'^\+.*revision="v1.1.0"', said, re.MULTILINE)
