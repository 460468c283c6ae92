"""Connections that are cut, runs that die, others who publish at the same moment."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from subprocess import Popen

import pytest

from builders.mixture.manifest import NAME, Manifest
from tests.hub_server import WRITE, Commit, Entry, HubError, HubServer
from tests.hub_server.client import run_python
from tests.publish.conftest import (
    REPO,
    Publish,
    commits,
    line,
    loaded,
    on_request,
    refused,
    succeeded,
)
from tests.publish.mixtures import ids, mixture, theirs

AGAIN = "run the same command again, it goes on where it stopped"
ONE = ["v1.0.0: v8", "initial commit"]


def whole(hub: HubServer, told: Manifest) -> bool:
    """Whether the head holds every shard and the manifest."""
    files = hub.repos[REPO].files
    there = {path: entry.sha256 for path, entry in files.items()}
    shards = {f"{told.mixture}/{file.path}": file.sha256 for file in told.files}
    return shards.items() <= there.items() and f"{told.mixture}/{NAME}" in there


def test_a_connection_that_is_cut_in_the_middle_of_an_upload(
    hub: HubServer, publish: Publish, mixtures: Path
) -> None:
    told = mixture(mixtures, "v8", rows=(200, 200, 200))
    cut = told.files[1].sha256
    hub.interrupt_upload = lambda sha256, got: sha256 == cut and got >= 8192
    refused(publish("v8"), "sending shards: the connection failed", AGAIN)
    assert commits(hub) == ["initial commit"]
    assert not hub.repos[REPO].tags
    before = Counter(hub.received)

    hub.interrupt_upload = None
    succeeded(publish("v8"))
    assert commits(hub) == ONE
    assert whole(hub, told)
    sent = hub.received - before
    assert sent[cut] == told.files[1].bytes
    for file in told.files:  # those that had come are not sent again
        if before[file.sha256] == file.bytes:
            assert file.sha256 not in sent


@pytest.mark.usefixtures("unverified")
def test_a_hub_that_goes_away_while_shards_are_sent(
    hub: HubServer, publish: Publish, mixtures: Path
) -> None:
    told = mixture(mixtures, "v8", rows=(200, 200))

    def die(_sha256: str, got: int) -> bool:
        hub.dead = got > 0
        return hub.dead

    hub.interrupt_upload = die
    refused(publish("v8"), "the connection failed", AGAIN)
    hub.dead, hub.interrupt_upload = False, None
    succeeded(publish("v8"))
    assert commits(hub) == ONE
    assert whole(hub, told)


@pytest.mark.usefixtures("unverified")
def test_a_run_that_is_killed_while_shards_are_sent(
    hub: HubServer, start: Callable[..., Popen[str]], publish: Publish, mixtures: Path
) -> None:
    told = mixture(mixtures, "v8", rows=(200, 200))
    arrived = threading.Event()

    def hold(_sha256: str, got: int) -> bool:
        if got:
            arrived.set()
            killed.wait(60)
        return False

    killed, hub.interrupt_upload = threading.Event(), hold
    run = start("v8", version="1.0.0")
    assert arrived.wait(60)
    run.kill()
    run.communicate()
    killed.set()
    hub.interrupt_upload = None
    assert commits(hub) == ["initial commit"]
    succeeded(publish("v8"))
    assert commits(hub) == ONE
    assert whole(hub, told)


def test_no_hub_at_all(hub: HubServer, publish: Publish, mixtures: Path) -> None:
    mixture(mixtures, "v8")
    hub.dead = True
    refused(publish("v8"), "the connection failed", AGAIN)


def test_a_hub_that_stalls(hub: HubServer, mixtures: Path, tmp_path: Path) -> None:
    """No connection is waited for without end."""
    mixture(mixtures, "v8")
    over = threading.Event()
    on_request(hub, lambda method, path: over.wait(60))
    command = line("v8", version="1.0.0", repo=REPO, mixtures=mixtures)
    command[1] = f"import builders.publish.hub as hub; hub.PATIENCE = 0.5; {command[1]}"
    done = run_python(tmp_path, hub.url, *command, token=WRITE)
    over.set()
    refused(done, "the connection failed", "timed out", AGAIN)


@pytest.mark.usefixtures("unverified")
def test_the_answer_to_the_commit_is_lost(hub: HubServer, publish: Publish, mixtures: Path) -> None:
    mixture(mixtures, "v8")
    lost: list[str] = []

    def unanswered(method: str, path: str) -> bool:
        if path.endswith("/commit/main") and not lost:
            lost.append(path)
            return True
        return False

    hub.unanswered = unanswered
    assert "holds all of it already" in succeeded(publish("v8"))
    assert commits(hub) == ONE
    assert hub.repos[REPO].tags["v1.0.0"].oid == hub.repos[REPO].commit


@pytest.mark.usefixtures("unverified")
def test_a_hub_that_stumbles_at_the_commit(
    hub: HubServer, publish: Publish, mixtures: Path
) -> None:
    mixture(mixtures, "v8")
    failed: list[str] = []

    def stumble(method: str, path: str) -> None:
        if path.endswith("/commit/main") and len(failed) < 2:
            failed.append(path)
            raise HubError(500, "", "Internal Server Error")

    on_request(hub, stumble)
    succeeded(publish("v8"))
    assert commits(hub) == ONE
    assert len(failed) == 2


def test_a_run_that_dies_between_commit_and_tag(
    hub: HubServer, publish: Publish, mixtures: Path
) -> None:
    mixture(mixtures, "v8")
    hub.unanswered = lambda method, path: path.startswith(f"/datasets/{REPO}/resolve")
    refused(publish("v8"), "v8 cannot be read back", "no tag was set", AGAIN)
    assert commits(hub) == ONE
    assert not hub.repos[REPO].tags

    hub.unanswered = None
    succeeded(publish("v8"))
    assert commits(hub) == ONE
    assert hub.repos[REPO].tags["v1.0.0"].oid == hub.repos[REPO].commit


@pytest.mark.usefixtures("unverified")
def test_the_answer_to_the_tag_is_lost(hub: HubServer, publish: Publish, mixtures: Path) -> None:
    mixture(mixtures, "v8")
    hub.unanswered = lambda method, path: "/tag/" in path
    succeeded(publish("v8"))
    assert list(hub.repos[REPO].tags) == ["v1.0.0"]


def test_another_commit_just_before_ours(hub: HubServer, publish: Publish, mixtures: Path) -> None:
    """Its config and its files stay, though our card was worked out without them."""
    told = mixture(mixtures, "v8")
    moves: list[str] = []

    def others(method: str, path: str) -> None:
        if path.endswith("/commit/main") and len(moves) < 2:
            moves.append(path)
            repo, note = hub.repos[REPO], Entry("notes.txt", str(len(moves)).encode())
            files = {**repo.files, **theirs(), note.path: note}
            repo.add(Commit(files, "theirs", parent=repo.branches["main"]))

    on_request(hub, others)
    said = succeeded(publish("v8"))
    assert said.count("somebody else has committed meanwhile") == 2
    assert commits(hub) == ["v1.0.0: v8", "theirs", "theirs", "initial commit"]
    assert whole(hub, told)
    card = hub.repos[REPO].files["README.md"].content.decode()
    assert "config_name: raw\n" in card
    assert "config_name: v8\n" in card
    assert hub.repos[REPO].files["notes.txt"].content == b"2"
    shards = [path for method, path in hub.requests if method == "PUT" and "/lfs/" in path]
    assert len(shards) == len(told.files)


def test_somebody_who_commits_without_end(hub: HubServer, publish: Publish, mixtures: Path) -> None:
    mixture(mixtures, "v8")

    def others(method: str, path: str) -> None:
        if path.endswith("/commit/main"):
            repo = hub.repos[REPO]
            repo.add(Commit(dict(repo.files), "theirs", parent=repo.branches["main"]))

    on_request(hub, others)
    refused(publish("v8"), "changes faster than it can be committed to", AGAIN)
    assert not hub.repos[REPO].tags


def test_two_publishers_at_the_same_moment(
    hub: HubServer,
    start: Callable[..., Popen[str]],
    mixtures: Path,
    tmp_path: Path,
) -> None:
    versions = {"1.0.0": "v7", "1.1.0": "v8", "1.2.0": "v9b"}
    for name in versions.values():
        mixture(mixtures, name)
    runs = [start(name, version=version) for version, name in versions.items()]
    for run in runs:
        output, _ = run.communicate(timeout=120)
        assert run.returncode == 0, output
    assert len(commits(hub)) == 4
    head = hub.repos[REPO].files["README.md"].content.decode()
    for version, name in versions.items():
        assert f"config_name: {name}\n" in head
        assert f"{name}/{NAME}" in hub.repos[REPO].tags[f"v{version}"].files
    found = loaded(hub, tmp_path / "home", "main", *versions.values())
    for name in versions.values():
        assert found[name]["train"] == ids(mixtures, name)


@pytest.mark.parametrize("status", [429, 503])
def test_a_hub_that_has_enough_of_us(
    hub: HubServer, publish: Publish, mixtures: Path, status: int
) -> None:
    mixture(mixtures, "v8")

    def enough(method: str, path: str) -> None:
        if path.endswith("/objects/batch"):
            raise HubError(status, "", "not now")

    on_request(hub, enough)
    refused(publish("v8"), "not now", AGAIN)
    assert commits(hub) == ["initial commit"]
