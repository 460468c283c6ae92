"""Published mixtures: found, checked and named, from a server that speaks the Hub's HTTP API."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from huggingface_hub import close_session

from builders.errors import ShopmixError
from builders.mixture.manifest import NAME
from tests.hub_server import Commit, Entry, HubServer, serving
from tests.publish.mixtures import ids
from tests.training.qlora.conftest import made
from training.qlora import base
from training.qlora.dataset import find

REPO = "you/shopmix"


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    """A Hub that the client of this process talks to, with its cache in a folder of the test's."""
    with serving() as server:
        url = f"{server.url}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
        constants = {
            "ENDPOINT": server.url,
            "HUGGINGFACE_CO_URL_TEMPLATE": url,
            "HF_HUB_CACHE": str(tmp_path / "cache"),
            "HF_HUB_DISABLE_XET": True,
        }
        for name, value in constants.items():
            monkeypatch.setattr(f"huggingface_hub.constants.{name}", value)
        yield server
        close_session()


def published(hub: HubServer, folder: Path, tag: str, without: str = "") -> str:
    """Commit a mixture as `builders.publish` does, and tag it; returns the commit."""
    repo = hub.repos.get(REPO) or hub.create(REPO)
    names = (*(path.name for path in folder.glob("*-of-*")), NAME)
    files = {
        f"{folder.name}/{name}": Entry(f"{folder.name}/{name}", (folder / name).read_bytes())
        for name in names
        if not name.startswith(without or "nothing")
    }
    commit = Commit(files, tag, parent=repo.branches["main"])
    repo.add(commit)
    repo.tags[tag] = commit
    return commit.oid


def model(hub: HubServer, files: Mapping[str, bytes]) -> str:
    """Commit a model `you/base`; returns the commit."""
    repo = hub.create("you/base", "models")
    repo.add(Commit({name: Entry(name, content) for name, content in files.items()}))
    return repo.commit


def test_a_published_mixture_is_read_at_its_tag(hub: HubServer, tmp_path: Path) -> None:
    commit = published(hub, made(tmp_path, "v8"), "v1.0.0")
    (tmp_path / "later").mkdir()
    published(hub, made(tmp_path / "later", "v8", seed=1), "v2.0.0")
    found = find("v8", f"{REPO}@v1.0.0")
    assert (found.revision, found.commit) == ("v1.0.0", commit)
    (entry,) = found.entries("train")
    assert (entry["path"], entry["name"], entry["split"]) == (REPO, "v8", "train")
    assert entry["revision"] == commit
    assert "data_files" not in entry
    first = found.rows(["id"]).collect()["id"].to_list()
    assert first == ids(tmp_path, "v8")[: len(first)]


def test_a_config_that_the_data_set_has_not(hub: HubServer, tmp_path: Path) -> None:
    published(hub, made(tmp_path, "v8"), "v1.0.0")
    with pytest.raises(ShopmixError, match=r"shopmix@v1\.0\.0 has no config v9: it has v8"):
        find("v9", f"{REPO}@v1.0.0")


def test_a_shard_that_is_missing(hub: HubServer, tmp_path: Path) -> None:
    published(hub, made(tmp_path, "v8"), "v1.0.0", without="train-00001")
    with pytest.raises(ShopmixError, match=rf"v8/train-00001.* not what v8/{NAME} says"):
        find("v8", REPO)


@pytest.mark.parametrize("name", ["you/nothing", f"{REPO}@v9"])
def test_a_data_set_that_is_not_there(hub: HubServer, tmp_path: Path, name: str) -> None:
    published(hub, made(tmp_path, "v8"), "v1.0.0")
    with pytest.raises(ShopmixError, match="no such folder, and on the Hub it cannot be read"):
        find("v8", name)


CARD = b"---\nlicense: other\nlicense_name: tongyi-qianwen\n---\n# Qwen\n"


def test_a_base_is_pinned_and_has_its_licence(hub: HubServer) -> None:
    files = {"config.json": b'{"model_type": "qwen2"}', "README.md": CARD, "x.safetensors": b"x"}
    commit = model(hub, files)
    found = base.find("you/base")
    assert found.revision == commit
    assert (found.license, found.config) == (
        "LicenseRef-Tongyi-Qianwen",
        {"model_type": "qwen2"},
    )
    assert not any("x.safetensors" in path for _, path in hub.requests)


def test_a_base_that_is_in_the_cache_needs_no_network(
    hub: HubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = model(hub, {"config.json": b"{}"})
    base.find("you/base")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    assert base.find("you/base").revision == commit
    assert base.find("you/other").revision is None


def test_a_repo_without_a_model(hub: HubServer) -> None:
    model(hub, {})
    with pytest.raises(ShopmixError, match=r"you/base has no config\.json"):
        base.find("you/base")
    with pytest.raises(ShopmixError, match="cannot be read"):
        base.find("you/nothing")
