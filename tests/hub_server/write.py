"""The endpoints that write: commits and tags."""

from __future__ import annotations

import base64
import json
from typing import Any

from tests.hub_server.handler import Handler, HubError, route
from tests.hub_server.repo import Commit, Entry, Repo, is_lfs


@route("POST", "API/preupload/REV")
def _preupload(handler: Handler, parts: dict[str, str]) -> None:
    """How each file is to come, and what has its name now: the client leaves out the same."""
    repo = handler.repo(parts, write=True)
    commit = handler.commit(parts, repo)
    told = []
    for asked in handler.json()["files"]:
        path, size = asked["path"], asked["size"]
        one = {"path": path, "uploadMode": "lfs" if is_lfs(path, size) else "regular"}
        there = commit.files.get(path)
        oid = {"oid": there.sha256 or there.oid} if there else {}
        told.append(one | {"shouldIgnore": False} | oid)
    handler.tell({"files": told, "commitOid": commit.oid})


@route("POST", "API/commit/REV")
def _commit(handler: Handler, parts: dict[str, str]) -> None:
    """All of the change, or nothing of it."""
    repo = handler.repo(parts, write=True)
    assert handler.token is not None
    try:
        lines = [json.loads(line) for line in handler.body.splitlines()]
        (header,) = (line["value"] for line in lines if line["key"] == "header")
        if not header["summary"]:
            raise HubError(400, "", "a commit needs a summary")
        with handler.server.lock:
            head = repo.branches.get(parts["rev"])
            if head is None:
                raise HubError(404, "RevisionNotFound", f"Invalid rev id: {parts['rev']}")
            if not head.oid.startswith(header.get("parentCommit", "")):
                said = "A commit has happened since. Please refresh and try again."
                raise HubError(412, "", said)
            files = dict(head.files)
            for line in lines:
                _change(files, line["key"], line["value"], repo)
            title, message = header["summary"], header.get("description", "")
            commit = Commit(files, title, message, handler.token.user, head)
            repo.add(commit, parts["rev"])
    except (ValueError, KeyError, TypeError) as error:
        raise HubError(400, "", f"not a commit: {error!r}") from None
    for line in lines:
        if line["key"] == "file":
            path = line["value"]["path"]
            handler.server.count(handler.server.received, path, len(commit.files[path].content))
    page = "datasets/" if parts["type"] == "datasets" else ""
    url = f"{handler.server.url}/{page}{repo.id}/commit/{commit.oid}"
    handler.tell({"success": True, "commitOid": commit.oid, "commitUrl": url, "hookOutput": ""})


def _change(files: dict[str, Entry], key: str, value: dict[str, Any], repo: Repo) -> None:
    """Carry out one line of a commit."""
    if key == "header":
        return
    path = value["path"].rstrip("/")
    if key == "file":
        content = base64.b64decode(value["content"], validate=True)
        if is_lfs(path, len(content)) and content:
            raise HubError(400, "", f"{path} must come as an LFS file")
        files[path] = Entry(path, content)
    elif key == "lfsFile":
        if value["oid"] not in repo.objects:
            raise HubError(400, "", f"{path}: its LFS pointer points to a file that does not exist")
        files[path] = Entry(path, repo.objects[value["oid"]])
    elif key in ("deletedFile", "deletedFolder"):
        folder = key == "deletedFolder"
        gone = [n for n in files if (n.startswith(f"{path}/") if folder else n == path)]
        if not gone:
            raise HubError(404, "EntryNotFound", "A file with this name doesn't exist")
        for name in gone:
            del files[name]
    else:
        raise HubError(400, "", f"no such line in a commit: {key}")


@route("POST", "API/tag/REV")
def _tag(handler: Handler, parts: dict[str, str]) -> None:
    """Give a commit a name. No request moves it, or takes it away."""
    repo, name = handler.repo(parts, write=True), handler.json()["tag"]
    with handler.server.lock:
        commit = handler.commit(parts, repo)
        if name in repo.tags:
            raise HubError(409, "", f"Tag reference exists already: {name}")
        repo.tags[name] = commit
    handler.tell({"success": True})
