"""What is not published, and why; the Hub is as it was before."""

from __future__ import annotations

import re
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from builders.errors import ShopmixError
from builders.mixture.manifest import NAME
from builders.publish.settings import arguments
from builders.publish.verify import check_packages
from tests.hub_server import NOTHING, READ, WRITE, Commit, Entry, HubServer
from tests.hub_server.client import environment
from tests.publish.conftest import (
    REPO,
    Publish,
    commits,
    line,
    on_request,
    refused,
    succeeded,
)
from tests.publish.mixtures import CLOSED, mixture, shards


@pytest.mark.parametrize(
    ("version", "repo", "words"),
    [
        ("1.0", REPO, "--version 1.0: a version is three numbers"),
        ("v1.0.0", REPO, "--version v1.0.0: "),
        ("1.0.01", REPO, "--version 1.0.01: "),
        ("1.0.0", "shopmix", "--repo shopmix: name a data set on the Hub as you/shopmix"),
        ("1.0.0", "../shopmix", "--repo ../shopmix: "),
    ],
)
def test_options(version: str, repo: str, words: str) -> None:
    with pytest.raises(ShopmixError, match=re.escape(words)):
        arguments(["v8", "--repo", repo, "--version", version])


def test_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ShopmixError, match=re.escape("pip install 'shopmix[publish]'")):
        check_packages()


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize(
    ("token", "words"),
    [
        (None, ["no token", "hf auth login"]),
        (READ, ["the token of you may only read"]),
        ("hf_unheardof", ["the Hub does not accept the token"]),
    ],
)
def test_tokens(publish: Publish, mixtures: Path, token: str | None, words: list[str]) -> None:
    mixture(mixtures, "v8")
    assert "hf_unheardof" not in refused(publish("v8", token=token), *words)


@pytest.mark.parametrize(("token", "repo"), [(NOTHING, REPO), (WRITE, "them/shopmix")])
def test_a_token_without_the_right_to_write_there(
    hub: HubServer, publish: Publish, mixtures: Path, token: str, repo: str
) -> None:
    mixture(mixtures, "v8")
    refused(publish("v8", token=token, repo=repo), "no right to write")
    assert not hub.repos


def test_a_token_without_rights_to_a_data_set_that_is_there(
    hub: HubServer, publish: Publish, mixtures: Path
) -> None:
    mixture(mixtures, "v8")
    hub.create(REPO)
    refused(publish("v8", "--public", token=NOTHING), "no right to write")
    assert commits(hub) == ["initial commit"]
    assert not hub.received


@pytest.mark.usefixtures("untouched")
def test_a_repo_of_another_type(hub: HubServer, publish: Publish, mixtures: Path) -> None:
    mixture(mixtures, "v8")
    hub.create(REPO, "models", private=True)
    refused(publish("v8"), "you/shopmix is a model, not a data set")


@pytest.mark.usefixtures("unverified")
def test_a_version_that_is_there(hub: HubServer, publish: Publish, mixtures: Path) -> None:
    mixture(mixtures, "v8")
    succeeded(publish("v8"))
    before, tag = hub.repos[REPO].commit, hub.repos[REPO].tags["v1.0.0"]
    mixture(mixtures, "v8", seed=1)
    new = shards(mixtures, "v8")[1].name
    refused(
        publish("v8"), f"has v1.0.0 already, at {tag.oid}, with another v8/{new}, ", "more: a v"
    )
    refused(publish("v8", "--dry-run"), "has v1.0.0 already", "never changed")
    assert hub.repos[REPO].commit == before
    assert hub.repos[REPO].tags == {"v1.0.0": tag}


def test_a_version_that_another_takes_meanwhile(
    hub: HubServer, publish: Publish, mixtures: Path
) -> None:
    mixture(mixtures, "v8")

    def others(method: str, path: str) -> None:
        if "/tag/" in path:
            repo = hub.repos[REPO]
            repo.tags["v1.0.0"] = Commit({}, "theirs")

    on_request(hub, others)
    refused(publish("v8"), "but v1.0.0 cannot be set", "exists already")
    assert hub.repos[REPO].tags["v1.0.0"].title == "theirs"


def test_a_public_repo(hub: HubServer, publish: Publish, mixtures: Path) -> None:
    mixture(mixtures, "v8")
    hub.create(REPO)
    refused(publish("v8"), "is public: add --public")
    assert commits(hub) == ["initial commit"]


@pytest.mark.usefixtures("untouched")
def test_mixtures_that_are_not_whole(publish: Publish, mixtures: Path) -> None:
    mixture(mixtures, "v8")
    refused(publish("v8", "v9"), f"v9/{NAME} is missing", "python -m builders.mixture v9")
    shard = shards(mixtures, "v8")[0]
    content = bytearray(shard.read_bytes())
    content[len(content) // 2] ^= 1
    shard.write_bytes(content)
    refused(publish("v8"), shard.name, "was changed or cut off")
    shard.unlink()
    refused(publish("v8"), f"{shard.name} is missing")
    mixture(mixtures, "v7").text()
    (mixtures / "v7").rename(mixtures / "mine")
    refused(publish("mine"), "mine holds the mixture v7")
    (mixtures / "mine" / NAME).write_text("{")
    refused(publish("mine"), f"mine/{NAME} is no manifest")


@pytest.mark.usefixtures("untouched")
def test_licences(publish: Publish, mixtures: Path) -> None:
    mixture(mixtures, "v7")
    mixture(mixtures, "v8", part=CLOSED)
    said = refused(publish("v7", "v8", "--public"), "--i-have-checked")
    assert "amazon_m2, LicenseRef-Amazon-M2-research" in said
    assert "v8/amazon_m2.title_in_locale" in said
    assert "v7" not in said


@pytest.mark.usefixtures("unverified")
@pytest.mark.parametrize("gone", [False, True])
def test_licences_of_what_else_would_be_seen(
    hub: HubServer, publish: Publish, mixtures: Path, gone: bool
) -> None:
    """Also of earlier versions: who sees a repo sees all of its commits."""
    mixture(mixtures, "v7")
    mixture(mixtures, "v8", part=CLOSED)
    succeeded(publish("v8"))
    if gone:
        mixture(mixtures, "v8")
        succeeded(publish("v8", version="1.0.1"))
    before = hub.repos[REPO].commit
    said = refused(publish("v7", "--public", version="1.1.0"), "v8/amazon_m2.title_in_locale")
    assert "all commits of you/shopmix are seen" in said
    assert hub.repos[REPO].commit == before
    assert hub.repos[REPO].private


def test_a_shard_that_changes_while_it_is_sent(
    hub: HubServer, publish: Publish, mixtures: Path
) -> None:
    mixture(mixtures, "v8")

    def change(method: str, path: str) -> None:
        if path.endswith("/preupload/main"):
            shard = shards(mixtures, "v8")[0]
            shard.write_bytes(bytes(shard.stat().st_size))

    on_request(hub, change)
    refused(publish("v8"), "was changed while it was sent")
    assert commits(hub) == ["initial commit"]


def test_a_hub_that_keeps_other_bytes(hub: HubServer, publish: Publish, mixtures: Path) -> None:
    mixture(mixtures, "v8")
    shard = f"v8/{shards(mixtures, 'v8')[0].name}"

    def spoil(method: str, path: str) -> bool:
        files = hub.repos[REPO].files if path.endswith("/commit/main") else {}
        if shard in files:
            files[shard] = Entry(shard, b"other bytes")
        return False

    hub.unanswered = spoil
    refused(publish("v8"), "does not hold what was sent, no tag was set", shard)
    assert not hub.repos[REPO].tags


def test_a_config_that_loads_other_rows(hub: HubServer, publish: Publish, mixtures: Path) -> None:
    """Here its shards in another order: the card is not what ours was."""
    mixture(mixtures, "v8")

    def spoil(method: str, path: str) -> bool:
        files = hub.repos[REPO].files if path.endswith("/commit/main") else {}
        if "README.md" in files:
            card = files["README.md"].content.decode()
            both = ", ".join(f"v8/{file.name}" for file in shards(mixtures, "v8")[::-1])
            spoilt = card.replace("v8/train-*.parquet", f"[{both}]")
            assert spoilt != card
            files["README.md"] = Entry("README.md", spoilt.encode())
        return False

    hub.unanswered = spoil
    refused(publish("v8"), "v8 loads as", "no tag was set")
    assert not hub.repos[REPO].tags


def test_a_data_set_in_another_format(hub: HubServer, publish: Publish, mixtures: Path) -> None:
    mixture(mixtures, "v8")
    card = (
        "---\nconfigs:\n- config_name: raw\n  data_files:\n  - {split: test, path: [a.csv]}\n---\n"
    )
    repo = hub.create(REPO, private=True)
    repo.add(Commit({"README.md": Entry("README.md", card.encode())}, "theirs"))
    refused(publish("v8"), "a config raw of a.csv")
    assert commits(hub) == ["theirs"]


def test_a_disk_that_is_full_when_it_is_read_back(
    hub: HubServer, publish: Publish, mixtures: Path, tmp_path: Path
) -> None:
    told, room = mixture(mixtures, "v8", rows=(400,)), tmp_path / "room"
    room.mkdir()
    least = max(file.bytes for file in told.files) - 1
    done = subprocess.run(
        [sys.executable, *line("v8", version="1.0.0", repo=REPO, mixtures=mixtures)],
        env=environment(tmp_path, hub.url, WRITE, TMPDIR=str(room)),
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (least, least)),
        capture_output=True,
        text=True,
        check=False,
    )
    refused(done, "v8 cannot be read back", "File too large", str(room), "no tag was set")
    assert not hub.repos[REPO].tags
    succeeded(publish("v8", TMPDIR=str(room)))
    assert commits(hub) == ["v1.0.0: v8", "initial commit"]
    assert not list(room.iterdir())
