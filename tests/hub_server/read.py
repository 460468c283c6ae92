"""The endpoints that read: what there is, and its content."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qs

from tests.hub_server.handler import Handler, HubError, route
from tests.hub_server.repo import Commit, Entry


@route("GET", "API(/revision/REV)?")
def _info(handler: Handler, parts: dict[str, str]) -> None:
    repo = handler.repo(parts)
    commit = handler.commit(parts, repo)
    siblings = [_sibling(commit.files[name], handler) for name in sorted(commit.files)]
    known = {"id": repo.id, "sha": commit.oid, "private": repo.private, "gated": False, "tags": []}
    known |= {"author": repo.id.partition("/")[0], "disabled": False, "siblings": siblings}
    handler.tell(known | {"lastModified": _time(commit)}, headers={"X-Repo-Commit": commit.oid})


def _sibling(entry: Entry, handler: Handler) -> dict[str, Any]:
    told: dict[str, Any] = {"rfilename": entry.path}
    if handler.query("blobs") in ("true", "1"):
        size = len(entry.content)
        told |= {"size": size, "blobId": entry.oid}
        if entry.sha256:
            told["lfs"] = {"sha256": entry.sha256, "size": size, "pointerSize": 134}
    return told


def _time(commit: Commit) -> str:
    return commit.date.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


@route("GET", "API/tree/REV(/(?P<path>.+))?")
def _tree(handler: Handler, parts: dict[str, str]) -> None:
    commit = handler.commit(parts, handler.repo(parts))
    found = commit.below(parts["path"], recursive=handler.query("recursive") == "true")
    if parts["path"] and not found:
        raise HubError(404, "EntryNotFound", f"{parts['path']} does not exist on {parts['rev']}")
    handler.tell(found, headers={"X-Repo-Commit": commit.oid})


@route("POST", "API/paths-info/REV")
def _paths_info(handler: Handler, parts: dict[str, str]) -> None:
    commit = handler.commit(parts, handler.repo(parts))
    every = {entry["path"]: entry for entry in commit.below("", recursive=True)}
    asked = parse_qs(handler.body.decode()).get("paths", [])
    handler.tell([every[path] for path in asked if path in every])


@route("GET", "API/refs")
def _refs(handler: Handler, parts: dict[str, str]) -> None:
    repo = handler.repo(parts)
    told = {
        kind: [
            {"name": name, "ref": f"refs/{folder}/{name}", "targetCommit": commit.oid}
            for name, commit in named.items()
        ]
        for kind, folder, named in (
            ("branches", "heads", repo.branches),
            ("tags", "tags", repo.tags),
        )
    }
    handler.tell(told | {"converts": [], "pullRequests": []})


@route("GET", "API/commits/REV")
def _commits(handler: Handler, parts: dict[str, str]) -> None:
    """All on one page, where the Hub has several."""
    handler.tell(
        [
            {
                "id": commit.oid,
                "title": commit.title,
                "message": commit.message,
                "authors": [{"user": commit.author}],
                "date": _time(commit),
            }
            for commit in handler.commit(parts, handler.repo(parts)).history()
        ]
    )


@route("GET", "PAGE/resolve/REV/(?P<path>.+)")
def _resolve(handler: Handler, parts: dict[str, str]) -> None:
    commit = handler.commit(parts, handler.repo(parts))
    entry = commit.files.get(parts["path"])
    if entry is None:
        raise HubError(404, "EntryNotFound", "Entry not found", X_Repo_Commit=commit.oid)
    size = len(entry.content)
    headers = {"X-Repo-Commit": commit.oid, "ETag": f'"{entry.sha256 or entry.oid}"'}
    headers |= {"Accept-Ranges": "bytes", "Content-Type": "application/octet-stream"}
    if entry.sha256:
        headers |= {"X-Linked-Size": str(size), "X-Linked-ETag": f'"{entry.sha256}"'}
    status, first, last = 200, 0, size - 1
    if wanted := re.fullmatch(r"bytes=(\d*)-(\d*)", handler.headers.get("Range", "")):
        from_, to = wanted.groups()
        first = int(from_) if from_ else max(0, size - int(to))
        last = min(int(to), size - 1) if from_ and to else size - 1
        if first > last:
            unmet = {"Content-Range": f"bytes */{size}"}
            return handler.start(416, 0, headers | unmet)
        status, headers["Content-Range"] = 206, f"bytes {first}-{last}/{size}"
    handler.start(status, last - first + 1, headers)
    if handler.command != "HEAD":
        handler.send_content(entry.path, entry.content[first : last + 1])
