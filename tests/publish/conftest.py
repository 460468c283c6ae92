"""The command against a local Hub, each run in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.hub_server import WRITE, HubError, HubServer, serving
from tests.hub_server.client import IMPATIENT, environment, run_python

REPO = "you/shopmix"
Done = subprocess.CompletedProcess[str]
Publish = Callable[..., Done]
_COMMAND = "import runpy; runpy.run_module('builders.publish', run_name='__main__', alter_sys=True)"


@pytest.fixture
def hub() -> Iterator[HubServer]:
    with serving() as server:
        on_request(server, lambda method, path: None)
        yield server


def on_request(hub: HubServer, function: Callable[[str, str], object]) -> None:
    """Call a function with method and path of each request, before it is answered."""

    def before(method: str, path: str) -> None:
        if path.startswith("/api/spaces/"):  # the server knows of no spaces
            raise HubError(404, "RepoNotFound", "Repository not found")
        function(method, path)

    hub.before = before


@pytest.fixture
def mixtures(tmp_path: Path) -> Path:
    return tmp_path / "mixtures"


@pytest.fixture
def publish(hub: HubServer, mixtures: Path, tmp_path: Path) -> Publish:
    """Run the command; its connections are given up at once where they fail."""

    def run(
        *arguments: str,
        version: str = "1.0.0",
        repo: str = REPO,
        token: str | None = WRITE,
        **more: str,
    ) -> Done:
        command = line(*arguments, version=version, repo=repo, mixtures=mixtures)
        return run_python(tmp_path, hub.url, *command, token=token, seconds=120, **more)

    return run


@pytest.fixture
def start(hub: HubServer, mixtures: Path, tmp_path: Path) -> Callable[..., subprocess.Popen[str]]:
    """Begin the command, and go on."""

    def begin(*arguments: str, version: str) -> subprocess.Popen[str]:
        command = line(*arguments, version=version, repo=REPO, mixtures=mixtures)
        return subprocess.Popen(
            [sys.executable, *command],
            env=environment(tmp_path / version, hub.url, WRITE),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    return begin


def line(*arguments: str, version: str, repo: str, mixtures: Path) -> list[str]:
    given = [*arguments, "--repo", repo, "--version", version, "--mixtures", str(mixtures)]
    return ["-c", IMPATIENT + _COMMAND, *given]


def loaded(
    hub: HubServer, home: Path, tag: str, *configs: str, streaming: bool = False
) -> dict[str, dict[str, list[str]]]:
    """The ids by config and split as a user loads them."""
    program = (
        "import datasets, json, sys\n"
        "found = {}\n"
        "for config in sys.argv[3:]:\n"
        "    data = datasets.load_dataset(\n"
        f"        sys.argv[1], config, revision=sys.argv[2], streaming={streaming})\n"
        "    found[config] = {k: [row['id'] for row in rows] for k, rows in data.items()}\n"
        "print(json.dumps(found))\n"
    )
    done = run_python(home, hub.url, "-c", program, REPO, tag, *configs, token=WRITE)
    assert done.returncode == 0, done.stderr
    found: dict[str, dict[str, list[str]]] = json.loads(done.stdout)
    return found


def succeeded(done: Done) -> str:
    """What a run said that ended well, without the token."""
    assert done.returncode == 0, done.stdout + done.stderr
    assert WRITE not in done.stdout + done.stderr
    return done.stdout


def refused(done: Done, *words: str) -> str:
    """The one line of an error that a run ended with; it has these words and no token."""
    assert done.returncode == 2, done.stdout + done.stderr
    assert WRITE not in done.stdout + done.stderr
    (error,) = [one for one in done.stderr.splitlines() if one.startswith("error: ")]
    assert "Traceback" not in done.stderr
    for word in words:
        assert word in error, error
    return error


def commits(hub: HubServer, repo: str = REPO) -> list[str]:
    """The titles of a repo's commits, the newest first."""
    return [commit.title for commit in hub.repos[repo].branches["main"].history()]
