"""What is written to the Hub is there, and can be read at every revision of it."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi
from huggingface_hub.errors import (
    EntryNotFoundError,
    HfHubHTTPError,
    RevisionNotFoundError,
)

from tests.hub_server import HubServer
from tests.hub_server.writing import CARD, REPO, SENDS, commit, puts, sha256, shard

pytestmark = SENDS

Change = CommitOperationAdd | CommitOperationDelete


def test_a_repository_is_created_once(hub: HubServer, api: HfApi) -> None:
    with pytest.raises(HfHubHTTPError, match="You already created this dataset repo") as error:
        api.create_repo(REPO, repo_type="dataset")
    assert error.value.response.status_code == 409
    again = api.create_repo(REPO, repo_type="dataset", exist_ok=True)
    assert (again.repo_id, again.repo_type) == (REPO, "dataset")
    assert set(hub.repos[REPO].files) == {".gitattributes"}


def test_a_model_is_another_repository(hub: HubServer, api: HfApi) -> None:
    assert api.repo_exists(REPO, repo_type="dataset")
    assert not api.repo_exists(REPO)
    assert api.create_repo(REPO, private=True).repo_type == "model"
    addition = CommitOperationAdd("config.json", b"{}")
    made = api.create_commit(REPO, [addition], commit_message="a model")
    assert hub.models[REPO].commit == made.oid == api.model_info(REPO).sha
    assert "config.json" not in hub.repos[REPO].files
    assert hub.models[REPO].private
    assert not hub.repos[REPO].private


def test_files_are_read_at_every_revision(hub: HubServer, api: HfApi, tmp_path: Path) -> None:
    name, old, new = "v8/train-0.parquet", shard(1, 2), shard(3)
    first = commit(api, {"README.md": CARD.encode(), name: old}, "one")
    api.create_tag(REPO, tag="v1.0.0", tag_message="the first", repo_type="dataset")
    second = commit(api, {name: new, "v8/manifest.json": b"{}"}, "two", parent=first.oid)
    for revision, content in {"main": new, second.oid: new, first.oid: old, "v1.0.0": old}.items():
        got = api.hf_hub_download(
            REPO, name, repo_type="dataset", revision=revision, cache_dir=tmp_path
        )
        assert Path(got).read_bytes() == content
        (told,) = api.get_paths_info(REPO, [name], repo_type="dataset", revision=revision)
        assert told.lfs is not None  # type: ignore[union-attr]
        assert told.lfs.sha256 == sha256(content)  # type: ignore[union-attr]
        tree = set(api.list_repo_files(REPO, repo_type="dataset", revision=revision))
        assert tree - {".gitattributes", "README.md", name} == (
            {"v8/manifest.json"} if content == new else set()
        )
    info = api.dataset_info(REPO, revision="v1.0.0", files_metadata=True)
    assert info.sha == first.oid
    (of_shard,) = [one for one in info.siblings or [] if one.rfilename == name]
    assert of_shard.lfs is not None
    assert (of_shard.size, of_shard.lfs.sha256) == (len(old), sha256(old))
    history = api.list_repo_commits(REPO, repo_type="dataset")
    assert [one.title for one in history] == ["two", "one", "initial commit"]
    assert [one.commit_id for one in history[:2]] == [second.oid, first.oid]
    refs = api.list_repo_refs(REPO, repo_type="dataset")
    assert [(one.name, one.target_commit) for one in refs.tags] == [("v1.0.0", first.oid)]
    assert [(one.name, one.target_commit) for one in refs.branches] == [("main", second.oid)]
    with pytest.raises(RevisionNotFoundError):
        api.dataset_info(REPO, revision="v2.0.0")
    with pytest.raises(EntryNotFoundError):
        api.hf_hub_download(
            REPO, "v8/manifest.json", repo_type="dataset", revision="v1.0.0", cache_dir=tmp_path
        )


def test_files_are_deleted_in_the_commit_that_adds_others(hub: HubServer, api: HfApi) -> None:
    commit(api, {"v7/a.parquet": shard(1), "v7/b.parquet": shard(2), "v8.parquet": shard(3)})
    change: list[Change] = [
        CommitOperationDelete("v7/", is_folder=True),
        CommitOperationDelete("v8.parquet"),
        CommitOperationAdd("v7/c.parquet", shard(4)),
    ]
    api.create_commit(REPO, change, commit_message="other shards", repo_type="dataset")
    assert set(hub.repos[REPO].files) == {".gitattributes", "v7/c.parquet"}


def test_a_commit_that_fails_changes_nothing(hub: HubServer, api: HfApi) -> None:
    before = hub.repos[REPO].commit
    change: list[Change] = [
        CommitOperationAdd("kept.txt", b"text"),
        CommitOperationDelete("absent"),
    ]
    with pytest.raises(EntryNotFoundError, match="A file with this name doesn't exist"):
        api.create_commit(REPO, change, commit_message="half", repo_type="dataset")
    assert hub.repos[REPO].commit == before


def test_what_is_unchanged_is_not_sent_again(hub: HubServer, api: HfApi) -> None:
    files = {"README.md": CARD.encode(), "a.parquet": shard(1), "b.parquet": shard(2)}
    made = commit(api, files)
    assert hub.received == {
        "README.md": len(CARD.encode()),
        **{sha256(files[name]): len(files[name]) for name in ("a.parquet", "b.parquet")},
    }
    hub.received.clear()
    assert commit(api, files).oid == made.oid
    # nor under another name
    commit(api, {**files, "c.parquet": shard(2), "d.parquet": shard(3)})
    assert hub.received == {sha256(shard(3)): len(shard(3))}
    assert hub.repos[REPO].files["c.parquet"].content == shard(2)


def test_a_large_file_comes_in_parts(hub: HubServer, api: HfApi) -> None:
    hub.part_bytes = 10_000
    large, small = shard(1, 2, 3), shard(4)[:10_000]
    commit(api, {"large.parquet": large, "small.parquet": small})
    count = -(-len(large) // 10_000)
    assert count >= 3
    assert [path.rpartition("/")[2] for path in puts(hub)].count(sha256(large)) == count
    assert len(puts(hub)) == count + 1
    assert hub.repos[REPO].files["large.parquet"].content == large
    assert hub.received == {sha256(large): len(large), sha256(small): len(small)}
    assert not hub.repos[REPO].parts


def test_content_that_is_not_what_was_named_is_refused(hub: HubServer, api: HfApi) -> None:
    before, addition = hub.repos[REPO].commit, CommitOperationAdd("a.parquet", shard(1))
    addition.upload_info.sha256 = bytes.fromhex(sha256(shard(2)))
    with pytest.raises(RuntimeError, match=r"uploading 'a\.parquet'") as error:
        api.create_commit(REPO, [addition], commit_message="damaged", repo_type="dataset")
    assert "the content's sha256 is not" in str(error.value.__cause__)
    assert not hub.repos[REPO].objects
    assert hub.repos[REPO].commit == before


def test_a_commit_of_content_that_never_came_is_refused(
    hub: HubServer, api: HfApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = hub.repos[REPO].commit
    monkeypatch.setattr("huggingface_hub._commit_api._upload_lfs_files", lambda **_: None)
    with pytest.raises(HfHubHTTPError, match="points to a file that does not exist") as error:
        commit(api, {"README.md": CARD.encode(), "a.parquet": shard(1)})
    assert error.value.response.status_code == 400
    assert hub.repos[REPO].commit == before


def test_a_stale_parent_is_refused(hub: HubServer, api: HfApi) -> None:
    parent = hub.repos[REPO].commit
    other = commit(api, {"a.txt": b"theirs"}, "theirs", parent=parent)
    with pytest.raises(HfHubHTTPError, match="A commit has happened since") as error:
        commit(api, {"b.txt": b"ours"}, "ours", parent=parent)
    assert error.value.response.status_code == 412
    assert hub.repos[REPO].commit == other.oid
    commit(api, {"b.txt": b"ours"}, "ours", parent=other.oid)
    assert {"a.txt", "b.txt"} < set(hub.repos[REPO].files)


def test_of_many_commits_at_once_one_is_made(hub: HubServer, api: HfApi) -> None:
    parent, told = hub.repos[REPO].commit, []

    def one(number: int) -> None:
        try:
            told.append(commit(api, {f"{number}.txt": b"mine"}, parent=parent).oid)
        except HfHubHTTPError as error:
            told.append(str(error.response.status_code))

    threads = [threading.Thread(target=one, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(told)[:7] == ["412"] * 7 or sorted(told)[1:] == ["412"] * 7
    assert hub.repos[REPO].commit in told
    assert len(hub.repos[REPO].files) == 2


def test_a_tag_stays_where_it_is(hub: HubServer, api: HfApi) -> None:
    first = hub.repos[REPO].commit
    api.create_tag(REPO, tag="v1.0.0", repo_type="dataset")
    commit(api, {"a.txt": b"later"})
    with pytest.raises(HfHubHTTPError, match="Tag reference exists already") as error:
        api.create_tag(REPO, tag="v1.0.0", repo_type="dataset")
    assert error.value.response.status_code == 409
    api.create_tag(REPO, tag="v1.0.0", repo_type="dataset", exist_ok=True)
    assert hub.repos[REPO].tags["v1.0.0"].oid == first
    api.create_tag(REPO, tag="v0.9.0", revision=first, repo_type="dataset")
    assert hub.repos[REPO].tags["v0.9.0"].oid == first
    with pytest.raises(RevisionNotFoundError):
        api.create_tag(REPO, tag="v2", revision="0" * 40, repo_type="dataset")
    assert set(hub.repos[REPO].tags) == {"v1.0.0", "v0.9.0"}
