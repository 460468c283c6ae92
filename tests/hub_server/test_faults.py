"""The faults that a test sets are those that the client meets."""

from __future__ import annotations

import pytest
from huggingface_hub import CommitInfo, CommitOperationAdd, HfApi
from huggingface_hub.errors import (  # type: ignore[attr-defined] # HTTPError is its client's own
    HfHubHTTPError,
    HTTPError,
)

from tests.hub_server import HubError, HubServer
from tests.hub_server.writing import REPO, SENDS, commit, puts, sha256, shard

pytestmark = SENDS


def test_an_upload_cut_once_is_sent_again(hub: HubServer, api: HfApi, impatient: None) -> None:
    cuts = iter([False, False, True])
    hub.interrupt_upload = lambda _name, _count: next(cuts, False)
    commit(api, {"a.parquet": shard(1)})
    assert len(puts(hub)) == 2
    assert hub.repos[REPO].files["a.parquet"].content == shard(1)
    assert len(shard(1)) < hub.received[sha256(shard(1))] <= len(shard(1)) + 3 * 4096


@pytest.mark.parametrize("part_bytes", [5_000, 8_000_000])
def test_an_upload_cut_for_good_leaves_what_has_arrived(
    part_bytes: int, hub: HubServer, api: HfApi, impatient: None
) -> None:
    before, hub.part_bytes = hub.repos[REPO].commit, part_bytes
    files = {f"{i}.parquet": shard(i) for i in range(3)}
    hub.interrupt_upload = lambda name, count: name == sha256(files["1.parquet"]) and count > 4000
    with pytest.raises(RuntimeError, match=r"Error while uploading '1\.parquet'"):
        api.preupload_lfs_files(
            REPO,
            [CommitOperationAdd(name, content) for name, content in files.items()],
            repo_type="dataset",
            num_threads=1,
        )
    assert hub.repos[REPO].commit == before
    hub.interrupt_upload = None
    missing = {n: c for n, c in files.items() if sha256(c) not in hub.repos[REPO].objects}
    assert "1.parquet" in missing
    assert "0.parquet" not in missing
    hub.received.clear()
    commit(api, files)
    assert hub.received == {sha256(content): len(content) for content in missing.values()}
    assert {name: hub.repos[REPO].files[name].content for name in files} == files


def test_a_commit_may_be_made_and_its_answer_lost(hub: HubServer, api: HfApi) -> None:
    before = hub.repos[REPO].commit
    hub.unanswered = lambda _method, path: "/commit/" in path
    with pytest.raises(HTTPError):
        commit(api, {"a.txt": b"text"}, "lost")
    hub.unanswered = None
    made = hub.repos[REPO].branches["main"]
    assert made.title == "lost"
    assert made.parent is not None
    assert made.parent.oid == before
    assert commit(api, {"a.txt": b"text"}, "again").oid == made.oid


def test_a_dead_server_takes_no_connection(hub: HubServer, api: HfApi) -> None:
    api.dataset_info(REPO)  # leaves a connection open
    hub.dead = True
    for _ in range(2):
        with pytest.raises(HTTPError):
            api.dataset_info(REPO)
    hub.dead = False
    assert api.dataset_info(REPO).sha == hub.repos[REPO].commit


def test_a_server_may_die_in_the_middle(hub: HubServer, api: HfApi, impatient: None) -> None:
    before = hub.repos[REPO].commit

    def die(method: str, _path: str) -> None:
        hub.dead = method == "PUT"

    hub.before = die
    with pytest.raises(RuntimeError, match="Error while uploading"):
        commit(api, {"a.parquet": shard(1)})
    assert hub.repos[REPO].commit == before


@pytest.mark.parametrize(("status", "said"), [(507, "no space left"), (403, "over quota")])
def test_an_error_of_the_test_is_the_answer(
    status: int, said: str, hub: HubServer, api: HfApi
) -> None:
    def refuse(_method: str, path: str) -> None:
        if "/commit/" in path:
            raise HubError(status, "", said)

    hub.before = refuse
    with pytest.raises(HfHubHTTPError, match=said) as error:
        commit(api, {"a.txt": b"text"})
    assert error.value.response.status_code == status


def test_a_busy_server_is_asked_again_when_it_says(
    hub: HubServer, api: HfApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []
    monkeypatch.setattr("time.sleep", slept.append)

    def refuse(_method: str, path: str) -> None:
        if "/preupload/" in path and not slept:
            raise HubError(429, "", "too many", Retry_After="7")

    hub.before = refuse
    commit(api, {"a.txt": b"text"})
    assert slept == [8]  # the client adds one


def test_somebody_else_may_come_first(hub: HubServer, api: HfApi) -> None:
    parent = hub.repos[REPO].commit
    theirs: list[CommitInfo] = []

    def first(_method: str, path: str) -> None:
        if "/commit/" in path and not theirs:
            hub.before = None
            theirs.append(commit(api, {"theirs.txt": b"text"}, "theirs"))

    hub.before = first
    with pytest.raises(HfHubHTTPError, match="A commit has happened since"):
        commit(api, {"ours.txt": b"text"}, "ours", parent=parent)
    assert [one.oid for one in theirs] == [hub.repos[REPO].commit]
