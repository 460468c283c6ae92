"""The command against a local Hub: in this process, or, where it is to die, in one of its own."""

from __future__ import annotations

import io
import json
import os
import runpy
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest
from huggingface_hub import set_client_factory
from huggingface_hub.utils._http import default_client_factory

from tests.hub_server import WRITE, HubError, HubServer, serving
from tests.hub_server.client import IMPATIENT, environment, run_python

REPO = "you/shopmix"
Done = subprocess.CompletedProcess[str]
Publish = Callable[..., Done]
_MODULE = "builders.publish"
_COMMAND = f"import runpy; runpy.run_module({_MODULE!r}, run_name='__main__', alter_sys=True)"


@pytest.fixture
def hub() -> Iterator[HubServer]:
    with serving() as server:
        on_request(server, lambda method, path: None)
        yield server


@pytest.fixture
def untouched(hub: HubServer) -> Iterator[None]:
    """Nothing is written to the Hub."""
    yield
    assert {method for method, _ in hub.requests} <= {"GET", "HEAD"}
    assert not hub.repos


@pytest.fixture
def unverified(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a test is about something else, the time of reading back is spared."""
    monkeypatch.setattr("builders.publish.publish.verify", lambda *_: None)


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
    """Run the command in this process, which spares importing it each time; its connections are
    given up at once where they fail."""

    def run(
        *arguments: str,
        version: str = "1.0.0",
        repo: str = REPO,
        token: str | None = WRITE,
        **more: str,
    ) -> Done:
        env = environment(tmp_path, hub.url, token, **more)
        return _run(env, given(*arguments, version=version, repo=repo, mixtures=mixtures))

    return run


def _run(env: dict[str, str], argv: Sequence[str]) -> Done:
    """What a process of its own would end with, that has this environment when it begins."""
    out, err = io.StringIO(), io.StringIO()
    here = {  # what the client reads when it is imported
        "ENDPOINT": env["HF_ENDPOINT"],
        "HUGGINGFACE_CO_URL_TEMPLATE": (
            env["HF_ENDPOINT"] + "/{repo_id}/resolve/{revision}/{filename}"
        ),
        "HF_HUB_CACHE": f"{env['HF_HOME']}/hub",
        "HF_TOKEN_PATH": f"{env['HF_HOME']}/token",
        "HF_HUB_DISABLE_XET": True,
    }
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # the client's own, of its client
        for name in os.environ.keys() - env.keys():
            patch.delenv(name)
        for name, value in env.items():
            patch.setenv(name, value)
        for name, constant in here.items():
            patch.setattr(f"huggingface_hub.constants.{name}", constant)
        patch.setattr("tempfile.tempdir", None)  # looked for anew
        patch.setattr("time.sleep", lambda seconds: None)
        patch.setattr(sys, "argv", [_MODULE, *argv])
        with redirect_stdout(out), redirect_stderr(err), pytest.raises(SystemExit) as end:
            try:
                runpy.run_module(_MODULE, run_name="__main__", alter_sys=True)
            finally:
                set_client_factory(default_client_factory)
    code = end.value.code
    assert isinstance(code, int)
    return Done(argv, code, out.getvalue(), err.getvalue())


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
    """What Python is given to run the command, impatient too, in a process of its own."""
    argv = given(*arguments, version=version, repo=repo, mixtures=mixtures)
    return ["-c", IMPATIENT + _COMMAND, *argv]


def given(*arguments: str, version: str, repo: str, mixtures: Path) -> list[str]:
    """What the command is given."""
    return [*arguments, "--repo", repo, "--version", version, "--mixtures", str(mixtures)]


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
