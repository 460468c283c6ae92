"""A local server that speaks the read side of the Hugging Face Hub's HTTP API.

The real client talks to it once HF_ENDPOINT (read when huggingface_hub is imported) is `url`, or
through `HfApi(endpoint=url)`. A folder is served as a data set at one commit, whose id is a hash
of its files; parquet files are LFS files, as on the Hub.

The write side fits in as more handlers under `@_route`: a commit is a new `Repo` in `repos`.
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

#: File content goes out in blocks of this many bytes; `HubServer.interrupt` is asked before each.
BLOCK = 4096


@dataclass(frozen=True)
class Entry:
    """A file at a commit. `oid` is what git calls its content, `sha256` what LFS does (or None)."""

    path: str
    content: bytes = field(repr=False)

    @cached_property
    def oid(self) -> str:
        return hashlib.sha1(b"blob %d\0" % len(self.content) + self.content).hexdigest()

    @cached_property
    def sha256(self) -> str | None:
        return hashlib.sha256(self.content).hexdigest() if self.path.endswith(".parquet") else None

    def told(self) -> dict[str, Any]:
        """The entry as `tree` and `paths-info` tell it."""
        size = len(self.content)
        told = {"type": "file", "oid": self.oid, "size": size, "path": self.path}
        lfs = {"oid": self.sha256, "size": size, "pointerSize": 134}
        return told | ({"lfs": lfs} if self.sha256 else {})


@dataclass(frozen=True)
class Repo:
    """A data set at its one commit, which `main` points to."""

    id: str
    files: dict[str, Entry]

    @classmethod
    def of(cls, repo_id: str, folder: Path) -> Repo:
        """The files below a folder as they are now."""
        names = {file.relative_to(folder).as_posix(): file for file in folder.rglob("*")}
        return cls(repo_id, {n: Entry(n, f.read_bytes()) for n, f in names.items() if f.is_file()})

    @cached_property
    def commit(self) -> str:
        told = [[self.id]] + [[name, self.files[name].oid] for name in sorted(self.files)]
        return hashlib.sha1(json.dumps(told).encode()).hexdigest()

    def below(self, path: str, recursive: bool) -> list[dict[str, Any]]:
        """The files and folders below a folder ("" is the root), as `tree` tells them."""
        told: dict[str, dict[str, Any]] = {}
        start = f"{path}/" if path else ""
        for name in sorted(self.files):
            parts = name.removeprefix(start).split("/")
            if not name.startswith(start):
                continue
            for depth in range(1, len(parts) if recursive else min(len(parts), 2)):
                folder = start + "/".join(parts[:depth])
                oid = hashlib.sha1(folder.encode()).hexdigest()
                told[folder] = {"type": "directory", "oid": oid, "size": 0, "path": folder}
            if recursive or len(parts) == 1:
                told[name] = self.files[name].told()
        return list(told.values())


class HubError(Exception):
    """A refusal, with the Hub's X-Error-Code."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code = status, code


Handle = Callable[["_Handler", dict[str, str], bytes], None]
_ROUTES: list[tuple[str, re.Pattern[str], Handle]] = []


def _route(method: str, pattern: str) -> Callable[[Handle], Handle]:
    """Register a handler. In the pattern, REPO is a data set's id and REV a revision."""
    pattern = pattern.replace("REPO", "(?P<repo>[^/]+/[^/]+)").replace("REV", "(?P<rev>[^/]+)")

    def add(handle: Handle) -> Handle:
        _ROUTES.append((method, re.compile(pattern), handle))
        return handle

    return add


class HubServer(ThreadingHTTPServer):
    """The server, at a free port of this machine.

    requests: (method, path) of every request. sent: bytes of content sent, by file.
    interrupt: asked with a file's name before each block of its content; the connection is cut
    when it says True. It may also block, for a server that stalls.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.repos: dict[str, Repo] = {}
        self.requests: list[tuple[str, str]] = []
        self.sent: Counter[str] = Counter()
        self.interrupt: Callable[[str], bool] | None = None

    def add(self, repo_id: str, folder: Path) -> Repo:
        """Serve the files of a folder, as they are now."""
        self.repos[repo_id] = Repo.of(repo_id, folder)
        return self.repos[repo_id]

    def at(self, repo_id: str, revision: str) -> Repo:
        """The data set at a revision: `main` or its commit."""
        repo = self.repos.get(repo_id)
        if repo is None:
            raise HubError(404, "RepoNotFound", "Repository not found")
        if revision not in ("main", repo.commit):
            raise HubError(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        return repo

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that are gone are no error; anything else shows in the test's output."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


@contextmanager
def serving() -> Iterator[HubServer]:
    """A running server."""
    with HubServer() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    server: HubServer
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path = urlsplit(self.path).path
        self.server.requests.append((self.command, path))
        method = "GET" if self.command == "HEAD" else self.command
        try:
            for wanted, pattern, handle in _ROUTES:
                if wanted == method and (match := pattern.fullmatch(path)):
                    parts = {name: unquote(part or "") for name, part in match.groupdict().items()}
                    return handle(self, parts, body)
            raise HubError(404, "NotFound", f"no such endpoint: {method} {path}")
        except HubError as error:
            headers = {"X-Error-Code": error.code, "X-Error-Message": str(error)}
            self.tell({"error": str(error)}, error.status, headers)

    do_GET = do_HEAD = do_POST = _answer  # noqa: N815

    def query(self) -> dict[str, list[str]]:
        return parse_qs(urlsplit(self.path).query)

    def tell(self, what: Any, status: int = 200, headers: dict[str, str] | None = None) -> None:
        """Answer with JSON."""
        text = json.dumps(what).encode()
        self.start(status, len(text), {"Content-Type": "application/json"} | (headers or {}))
        if self.command != "HEAD":
            self.wfile.write(text)

    def start(self, status: int, length: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(length)}.items():
            self.send_header(name, value)
        self.end_headers()

    def send_content(self, name: str, content: bytes) -> None:
        """A file's content, block by block, unless the test interrupts it."""
        for start in range(0, len(content), BLOCK):
            if self.server.interrupt and self.server.interrupt(name):
                self.close_connection = True
                return
            block = content[start : start + BLOCK]
            self.wfile.write(block)
            self.server.sent[name] += len(block)

    def log_message(self, format: str, *args: Any) -> None:
        """No log: the tests look at `requests`."""


@_route("GET", "/api/datasets/REPO(/revision/REV)?")
def _info(handler: _Handler, parts: dict[str, str], _body: bytes) -> None:
    repo = handler.server.at(parts["repo"], parts["rev"] or "main")
    siblings = [{"rfilename": name} for name in sorted(repo.files)]
    known = {"id": repo.id, "sha": repo.commit, "private": False, "gated": False, "tags": []}
    handler.tell({**known, "siblings": siblings}, headers={"X-Repo-Commit": repo.commit})


@_route("GET", "/api/datasets/REPO/tree/REV(/(?P<path>.+))?")
def _tree(handler: _Handler, parts: dict[str, str], _body: bytes) -> None:
    repo = handler.server.at(parts["repo"], parts["rev"])
    recursive = handler.query().get("recursive", ["false"])[0].lower() == "true"
    found = repo.below(parts["path"], recursive)
    if parts["path"] and not found:
        raise HubError(404, "EntryNotFound", f"{parts['path']} does not exist on {parts['rev']}")
    handler.tell(found, headers={"X-Repo-Commit": repo.commit})


@_route("POST", "/api/datasets/REPO/paths-info/REV")
def _paths_info(handler: _Handler, parts: dict[str, str], body: bytes) -> None:
    repo = handler.server.at(parts["repo"], parts["rev"])
    every = {entry["path"]: entry for entry in repo.below("", recursive=True)}
    asked = parse_qs(body.decode()).get("paths", [])
    handler.tell([every[path] for path in asked if path in every])


@_route("GET", "/datasets/REPO/resolve/REV/(?P<path>.+)")
def _resolve(handler: _Handler, parts: dict[str, str], _body: bytes) -> None:
    repo = handler.server.at(parts["repo"], parts["rev"])
    entry = repo.files.get(parts["path"])
    if entry is None:
        raise HubError(404, "EntryNotFound", "Entry not found")
    size = len(entry.content)
    headers = {"X-Repo-Commit": repo.commit, "ETag": f'"{entry.sha256 or entry.oid}"'}
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
