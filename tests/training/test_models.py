"""A base and an adapter from the Hub, by the real client over HTTP."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from huggingface_hub import HfApi

from builders.errors import ShopmixError
from tests.hub_server import WRITE, HubServer, serving
from tests.hub_server.client import IMPATIENT, run_python
from tests.hub_server.writing import SENDS
from tests.training.wise_ft.models import write_adapter, write_base
from tests.training.wise_ft.tensors import read_model
from training.models import located

pytestmark = SENDS


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[HubServer]:
    """A Hub with a base, and with an adapter that changed after its tag."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_XET", True)
    with serving() as server:
        api = HfApi(endpoint=server.url, token=WRITE)
        _upload(api, "you/base", write_base(tmp_path / "base"))
        _upload(api, "you/v8", write_adapter(tmp_path / "v8"))
        api.create_tag("you/v8", tag="v1.0.0")
        _upload(api, "you/v8", write_adapter(tmp_path / "newer", seed=2))
        yield server


def _upload(api: HfApi, repo: str, folder: Path) -> None:
    api.create_repo(repo, exist_ok=True)
    api.upload_folder(repo_id=repo, folder_path=folder)


def test_base_and_adapter_come_from_the_hub(hub: HubServer, tmp_path: Path) -> None:
    """A tag is the commit that it was set at, and is told in merge.json."""
    adapter, out = "you/v8@v1.0.0=0.5", tmp_path / "out"
    command = ("-m", "training.wise_ft", "--base", "you/base", "--adapter", adapter, "--out")
    ended = run_python(tmp_path, hub.url, *command, str(out), token=WRITE)
    assert ended.returncode == 0, ended.stderr
    here = tmp_path / "here"
    local = ("--base", str(tmp_path / "base"), "--adapter", f"{tmp_path / 'v8'}=0.5", "--out")
    assert run_python(tmp_path, hub.url, *command[:2], *local, str(here)).returncode == 0
    ours, theirs = read_model(here), read_model(out)
    assert ours.keys() == theirs.keys()
    assert all((ours[name] == theirs[name]).all() for name in ours)
    told = json.loads((out / "merge.json").read_text())
    api = HfApi(endpoint=hub.url, token=WRITE)
    assert told["base_revision"] == api.model_info("you/base").sha
    assert [one["name"] for one in told["adapters"]] == ["you/v8@v1.0.0"]


def test_a_repo_that_is_not_there_is_told(hub: HubServer, tmp_path: Path) -> None:
    program = "from builders.cli import run; from training.wise_ft.__main__ import main; run(main)"
    given = ("--base", "you/nothing", "--adapter", "you/v8=1", "--out", str(tmp_path / "out"))
    ended = run_python(tmp_path, hub.url, "-c", IMPATIENT + program, *given, token=WRITE)
    assert ended.returncode == 2, ended.stderr
    assert "you/nothing is no folder, and cannot be read from" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_path_that_is_no_repo_either_is_told() -> None:
    with pytest.raises(ShopmixError, match="runs/v8/checkpoint-150 is no folder"):
        located("runs/v8/checkpoint-150")
