"""One request: which endpoint it is for, who asks, what is answered, where it is cut."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote, urlsplit

from tests.hub_server.repo import Commit, Repo

if TYPE_CHECKING:
    from tests.hub_server.server import HubServer, Token

#: Content comes and goes in blocks of this many bytes; before each a test may cut the connection.
BLOCK = 4096


class HubError(Exception):
    """A refusal, with the Hub's X-Error-Code ("" for none)."""

    def __init__(self, status: int, code: str, message: str, **headers: str) -> None:
        super().__init__(message)
        self.status = status
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}
        self.headers |= {"X-Error-Message": message} | ({"X-Error-Code": code} if code else {})


Handle = Callable[["Handler", dict[str, str]], None]
_ROUTES: list[tuple[str, re.Pattern[str], Handle]] = []


def route(method: str, pattern: str) -> Callable[[Handle], Handle]:
    """Register a handler. In the pattern, API and PAGE begin the paths of a repository, of either
    type (only data sets have it in the paths of their pages), and REV is a revision."""
    pattern = pattern.replace("API", "/api/(?P<type>datasets|models)/REPO")
    pattern = pattern.replace("PAGE", "/(?:(?P<type>datasets)/)?REPO")
    pattern = pattern.replace("REPO", "(?P<repo>[^/]+/[^/]+?)").replace("REV", "(?P<rev>[^/]+)")

    def add(handle: Handle) -> Handle:
        _ROUTES.append((method, re.compile(pattern), handle))
        return handle

    return add


class Handler(BaseHTTPRequestHandler):
    """body: what came with the request. token: whose it is, or None."""

    server: HubServer
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def _answer(self) -> None:
        self.path_only = urlsplit(self.path).path
        self.server.requests.append((self.command, self.path_only))
        method = "GET" if self.command == "HEAD" else self.command
        self.body = self._received()
        try:
            if self.server.before:
                self.server.before(self.command, self.path_only)
            self.token = self._token()
            for wanted, pattern, handle in _ROUTES:
                if wanted == method and (match := pattern.fullmatch(self.path_only)):
                    return handle(self, {n: unquote(v or "") for n, v in match.groupdict().items()})
            raise HubError(404, "NotFound", f"no such endpoint: {method} {self.path_only}")
        except HubError as error:
            self.tell({"error": str(error)}, error.status, error.headers)

    do_GET = do_HEAD = do_POST = do_PUT = _answer  # noqa: N815

    def _received(self) -> bytes:
        """The body. LFS content is counted by its sha256, and may be cut by the test."""
        length, got = int(self.headers.get("Content-Length") or 0), bytearray()
        content = re.fullmatch(r"/lfs/.+/([0-9a-f]{64})", self.path_only)
        name = content.group(1) if content and self.command == "PUT" else None
        while len(got) < length:
            self._cut_if(self.server.dead)
            if name and self.server.interrupt_upload:
                self._cut_if(self.server.interrupt_upload(name, len(got)))
            block = self.rfile.read(min(BLOCK, length - len(got)))
            self._cut_if(not block)
            if name:
                self.server.count(self.server.received, name, len(block))
            got += block
        return bytes(got)

    def _cut_if(self, cut: bool) -> None:
        if cut:
            raise ConnectionAbortedError

    def _token(self) -> Token | None:
        given = self.headers.get("Authorization")
        if given is None:
            return None
        token = self.server.tokens.get(given.removeprefix("Bearer "))
        if token is None:
            raise HubError(401, "", "Invalid credentials in Authorization header")
        return token

    def repo(self, parts: dict[str, str], write: bool = False) -> Repo:
        """The repository asked for, if the token may see it, and write to it where that is meant.

        Whether there is none or it is not for this reader, the Hub says the same. Without a token
        it says 401, which the client takes for a missing repository where the address is one of
        https; ours is not, so the code says it.
        """
        repo = self.server.of_type(parts["type"] or "models").get(parts["repo"])
        if repo is None or (repo.private and not self.may("read", repo.id)):
            if self.token is None:
                raise HubError(401, "RepoNotFound", "Invalid username or password.")
            raise HubError(404, "RepoNotFound", "Repository not found")
        if write and self.token is None:
            raise HubError(401, "RepoNotFound", "Invalid username or password.")
        if write and not self.may("write", repo.id):
            raise HubError(
                403, "", "Forbidden: you must use a write token to upload to a repository."
            )
        return repo

    def may(self, right: str, repo_id: str) -> bool:
        """Whether the token has a right to a repository that is not public."""
        return self.token is not None and self.token.may(right, repo_id)

    def commit(self, parts: dict[str, str], repo: Repo) -> Commit:
        """The commit that the revision of the path, or else `main`, stands for."""
        revision = parts.get("rev") or "main"
        commit = repo.at(revision)
        if commit is None:
            raise HubError(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        return commit

    def query(self, name: str) -> str:
        """A value of the query, in lower case; "" where it is not given."""
        return parse_qs(urlsplit(self.path).query).get(name, [""])[0].lower()

    def json(self) -> dict[str, Any]:
        """The body as a JSON object."""
        try:
            read = json.loads(self.body)
        except ValueError:
            read = None
        if not isinstance(read, dict):
            raise HubError(400, "", "the body is no JSON object")
        return read

    def tell(self, what: Any, status: int = 200, headers: dict[str, str] | None = None) -> None:
        """Answer with JSON."""
        text = json.dumps(what).encode()
        self.start(status, len(text), {"Content-Type": "application/json"} | (headers or {}))
        if self.command != "HEAD":
            self.wfile.write(text)

    def start(self, status: int, length: int, headers: dict[str, str]) -> None:
        """Begin an answer, unless the test cuts the connection before it."""
        self._cut_if(self.server.dead)
        if self.server.unanswered:
            self._cut_if(self.server.unanswered(self.command, self.path_only))
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(length)}.items():
            self.send_header(name, value)
        self.end_headers()

    def send_content(self, name: str, content: bytes) -> None:
        """A file's content, block by block, unless the test interrupts it."""
        for start in range(0, len(content), BLOCK):
            if self.server.dead or (self.server.interrupt and self.server.interrupt(name)):
                self.close_connection = True
                return
            block = content[start : start + BLOCK]
            self.wfile.write(block)
            self.server.count(self.server.sent, name, len(block))

    def log_message(self, format: str, *args: Any) -> None:
        """No log: the tests look at `requests`."""
