"""The server: what it holds, who may use it, and what a test may make go wrong."""

from __future__ import annotations

import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any, Literal

from tests.hub_server import card, lfs, people, read, write  # noqa: F401 # their endpoints
from tests.hub_server.handler import Handler
from tests.hub_server.repo import ATTRIBUTES, Commit, Entry, Repo, files_of


@dataclass(frozen=True)
class Token:
    """A user's token, with these rights to the repositories below the user's name."""

    user: str
    rights: Literal["none", "read", "write"]

    def may(self, right: str, repo_id: str) -> bool:
        """Whether it has a right (read, write) to a repository."""
        enough = ("write",) if right == "write" else ("read", "write")
        return repo_id.startswith(f"{self.user}/") and self.rights in enough


#: Tokens of the user `you` that every server knows. With `NOTHING` only public things are seen.
WRITE, READ, NOTHING = "hf_thatwrites", "hf_thatreads", "hf_fornothing"


class HubServer(ThreadingHTTPServer):
    """The server, at a free port of this machine.

    repos, models: what is served, by id. tokens: those that are valid, by what the client sends.
    requests: (method, path) of every request. sent: bytes of content sent, by file. received:
    bytes of content received, of LFS files by their sha256, of regular ones by their path.
    part_bytes: LFS files above this many bytes are taken in parts of as many.

    Faults, all of them off until a test sets them; each function may also block, or do things:
    before: called with method and path when a request has arrived; a `HubError` of it is the
    answer. interrupt: asked with a file's name before each block of it is sent, and
    interrupt_upload: with an LFS file's sha256 and the bytes that this request has brought so far,
    before each block received; unanswered: asked with method and path when a request has been
    carried out, before the answer. The connection is cut when one of them says True.
    dead: every connection, open or new, is cut while it is True.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.repos: dict[str, Repo] = {}
        self.models: dict[str, Repo] = {}
        self.tokens = {
            WRITE: Token("you", "write"),
            READ: Token("you", "read"),
            NOTHING: Token("you", "none"),
        }
        self.requests: list[tuple[str, str]] = []
        self.sent: Counter[str] = Counter()
        self.received: Counter[str] = Counter()
        self.part_bytes = 8_000_000
        self.before: Callable[[str, str], None] | None = None
        self.interrupt: Callable[[str], bool] | None = None
        self.interrupt_upload: Callable[[str, int], bool] | None = None
        self.unanswered: Callable[[str, str], bool] | None = None
        self.dead = False
        #: Held while a repository is changed: requests come in threads.
        self.lock = threading.RLock()

    def of_type(self, name: str) -> dict[str, Repo]:
        """The repositories of a type, by id: `datasets` or `models`."""
        return {"datasets": self.repos, "models": self.models}[name]

    def create(self, repo_id: str, type: str = "datasets", private: bool = False) -> Repo:
        """A new repository, with the one file that the Hub puts into it."""
        repo = Repo(repo_id, private)
        repo.add(Commit({".gitattributes": Entry(".gitattributes", ATTRIBUTES)}))
        self.of_type(type)[repo_id] = repo
        return repo

    def add(self, repo_id: str, folder: Path) -> Repo:
        """Serve the files of a folder, as they are now, as the next commit of a data set."""
        with self.lock:
            repo = self.repos.setdefault(repo_id, Repo(repo_id))
            title, before = f"the files of {folder.name}", repo.branches.get("main")
            repo.add(Commit(files_of(folder), title, parent=before))
        return repo

    def count(self, counts: Counter[str], name: str, size: int) -> None:
        """Add to `sent` or `received`."""
        with self.lock:
            counts[name] += size

    def verify_request(self, request: Any, client_address: Any) -> bool:
        """Whether a connection is taken at all."""
        return not self.dead

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Connections that are gone are no error; anything else shows in the test's output."""
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
