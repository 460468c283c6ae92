"""No key reaches an output, a log, a traceback or a file, even where a server says it aloud."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from builders.errors import ShopmixError
from builders.llm.backends.online import endpoint
from tests.llm.asking import ROOT, World
from tests.llm.server import FAILED, KEY, PASSING, REPAIRED

SECRET = "sk-proj-Zm9yZ2V0LW1lLW5vdA-8c1f2b7d90"
DRIVER = """
import logging, sys
logging.basicConfig(level=logging.DEBUG)
from builders.llm.ledger import Ledger
from builders.llm.session import Session
from builders.llm.settings import LlmSettings
from tests.llm.asking import requests, validate
spec = "openai:test-model"
ledger = Ledger(sys.argv[1])
session = Session(LlmSettings(llm=spec, timeout=2), ledger, spec, note=print)
print(session.answer(requests(sys.argv[2:]), "test", validate))
session.close()
"""


def _run(folder: Path, url: str, key: str, texts: list[str]) -> subprocess.CompletedProcess[str]:
    """Ask in a process of its own, whose environment has the key."""
    environment = os.environ | {"OPENAI_BASE_URL": url, "OPENAI_API_KEY": key}
    environment["PYTHONPATH"] = str(ROOT)
    return subprocess.run(
        [sys.executable, "-X", "dev", "-c", DRIVER, str(folder / "ledger"), *texts],
        env=environment, cwd=folder, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def _search(folder: Path, run: subprocess.CompletedProcess[str]) -> None:
    """Assert that the key is nowhere."""
    assert SECRET not in run.stdout
    assert SECRET not in run.stderr
    files = [file for file in folder.rglob("*") if file.is_file()]
    assert any(file.name == "ledger" for file in files)
    for file in files:
        assert SECRET.encode() not in file.read_bytes(), file


def test_key_is_nowhere_after_all_that_can_happen(
    serve: Callable[..., World], tmp_path: Path
) -> None:
    world = serve(key=SECRET, echoes=True)
    texts = [f"{i} {kind}" for i, kind in enumerate(("fine", *PASSING, *REPAIRED, *FAILED))]
    run = _run(tmp_path, world.url, SECRET, texts)
    assert run.returncode == 0, run.stderr
    assert "(key ***)" in run.stdout  # it was said, and was taken out
    assert len({asked.text for asked in world.log()}) == len(texts)
    _search(tmp_path, run)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"key": KEY}, "refuses the key (Error code: 401 - Incorrect API key provided (key ***)"),
        ({"key": SECRET, "always": 404}, "has no model test-model"),
        ({"key": SECRET, "always": 429, "code": "insufficient_quota"}, "no money is left"),
    ],
    ids=["401", "404", "429"],
)
def test_key_is_in_no_traceback(
    serve: Callable[..., World], tmp_path: Path, options: dict[str, object], said: str
) -> None:
    world = serve(echoes=True, **options)
    run = _run(tmp_path, world.url, SECRET, ["1 fine"])
    assert run.returncode == 1
    assert "Traceback" in run.stderr
    assert said in run.stderr
    _search(tmp_path, run)


def test_key_is_in_no_file_of_a_killed_run(serve: Callable[..., World], tmp_path: Path) -> None:
    world = serve(key=SECRET, echoes=True, delay=0.02)
    environment = os.environ | {"OPENAI_BASE_URL": world.url, "OPENAI_API_KEY": SECRET}
    environment["PYTHONPATH"] = str(ROOT)
    texts = [f"{i} fine" for i in range(2_000)]
    with subprocess.Popen(
        [sys.executable, "-c", DRIVER, str(tmp_path / "ledger"), *texts],
        env=environment, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        world.log(count=20)
        process.kill()
        out, error = process.communicate()
    assert (tmp_path / "ledger-wal").stat().st_size
    _search(tmp_path, subprocess.CompletedProcess([], 0, out, error))


def test_key_is_in_no_manifest(serve: Callable[..., World], tmp_path: Path) -> None:
    """A build whose questions a server composes, and answers blind, badly both."""
    world = serve(key=SECRET, echoes=True)
    environment = os.environ | {"OPENAI_BASE_URL": world.url, "OPENAI_API_KEY": SECRET}
    command = "-m builders.ecinstruct --source demo --sets sentiment_of_review --size 5 --verify"
    command += " --llm openai:test-model --ledger ledger --out out --show 5"
    run = subprocess.run(
        [sys.executable, *command.split()], env=environment | {"PYTHONPATH": str(ROOT)},
        cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    assert world.log()
    endings = ("parquet", "json", "disputed.jsonl")
    names = {f"ecinstruct.sentiment_of_review.{ending}" for ending in endings}
    assert names == {file.name for file in (tmp_path / "out").iterdir()}
    _search(tmp_path, run)


@pytest.mark.parametrize("ending", ["\n", " \r\n"])
def test_key_may_end_with_a_line_break(
    serve: Callable[..., World], tmp_path: Path, ending: str
) -> None:
    world = serve(key=SECRET, echoes=True)
    run = _run(tmp_path, world.url, SECRET + ending, ["1 fine"])
    assert run.returncode == 0, run.stderr
    _search(tmp_path, run)


@pytest.mark.parametrize("key", [f"{SECRET}…", f"{SECRET}\n{SECRET}", f"{SECRET}\x00"])
def test_key_that_can_be_none_is_not_told(monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    monkeypatch.setattr(os, "environ", {"OPENAI_API_KEY": key})
    with pytest.raises(ShopmixError, match="OPENAI_API_KEY has characters that no key has") as told:
        endpoint()
    assert SECRET not in str(told.value)


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({}, "OPENAI_API_KEY is not set"),
        ({"OPENAI_API_KEY": " \n"}, "OPENAI_API_KEY is not set"),
        ({"OPENAI_BASE_URL": f"http://me:{SECRET}@here/v1"}, "put the key into OPENAI_API_KEY"),
        ({"OPENAI_BASE_URL": "localhost:8000/v1"}, "is no address like http://localhost:8000/v1"),
        ({"OPENAI_BASE_URL": "ftp://here/v1"}, "is no address like"),
        ({"OPENAI_BASE_URL": "http://"}, "is no address like"),
    ],
)
def test_endpoint_that_is_none(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], said: str
) -> None:
    monkeypatch.setattr(os, "environ", environment)
    with pytest.raises(ShopmixError, match=said) as told:
        endpoint()
    assert SECRET not in str(told.value)


def test_endpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "environ", {"OPENAI_API_KEY": SECRET})
    assert endpoint() == (None, SECRET)
    monkeypatch.setattr(os, "environ", {"OPENAI_BASE_URL": "http://[::1]:8000/v1"})
    assert endpoint() == ("http://[::1]:8000/v1", "none")
