"""The README and docs hold: their commands run as printed, their Python runs, their links lead."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from builders.llm.opened import DEMO
from tests.conftest import BUILDERS, build, publish
from tools import sets_page

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def _blocks(language: str) -> list[str]:
    texts = [page.read_text("utf-8") for page in PAGES]
    return [code for text in texts for kind, code in BLOCK.findall(text) if kind == language]


def _commands(start: str) -> list[str]:
    lines = [line.split(" #")[0].strip() for block in _blocks("") for line in block.splitlines()]
    return [line for line in lines if line.startswith(start)]


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder like a reader's: demo samples where `make demo` puts them, ESCI's files, answers."""
    desk = tmp_path_factory.mktemp("desk")
    for builder in BUILDERS.values():
        build(desk / "data" / "demo", builder)
    (desk / "path" / "to" / "esci").mkdir(parents=True)
    publish(desk / "path" / "to" / "esci")
    _run(["-m", "builders.llm", "ledger", "--import", str(DEMO)], desk)
    (prices,) = _blocks("json")
    (desk / "prices.json").write_text(prices, "utf-8")
    return desk


def _run(arguments: list[str], desk: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "HF_HOME": str(desk / "hf")}
    command = [sys.executable, *arguments]
    done = subprocess.run(
        command, cwd=desk, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{arguments}\n{done.stdout}\n{done.stderr}"


def test_every_command_of_the_builders_runs_as_printed(desk: Path) -> None:
    commands = _commands("python -m builders")
    assert len(commands) >= 4
    for command in commands:
        if "--source hub" not in command:  # over HTTP: tests/builders/test_hub.py
            _run(shlex.split(command)[1:], desk)


def test_every_python_example_runs(desk: Path) -> None:
    examples = _blocks("python")
    assert len(examples) >= 2
    for example in examples:
        _run(["-c", example], desk)


def test_every_make_target_exists() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    for command in _commands("make "):
        target = command.split()[1]
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), command


def test_the_options_are_those_of_the_command() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "builders.esci", "--help"],
        capture_output=True,
        text=True,
        check=True,
    )
    option = r"--[a-z]+(?:-[a-z]+)*"
    real = set(re.findall(option, done.stdout)) - {"--help"}
    readme, llm = ((ROOT / page).read_text("utf-8") for page in ("README.md", "docs/llm.md"))
    told = {*re.findall(rf"^\| `({option})", readme, re.M), *re.findall(rf"`({option})", llm)}
    assert real - told == {"--out"}
    assert told - real <= {"--import", "--export"}


def test_the_page_of_sets_is_up_to_date(demo: Path) -> None:
    assert sets_page.page(demo) == sets_page.PAGE.read_text("utf-8"), "make docs"


def test_links_lead_to_files() -> None:
    for page in PAGES:
        for link in re.findall(r"\]\((?!http)([^)#]+)\)", page.read_text("utf-8")):
            assert (page.parent / link).exists(), f"{page.name}: {link}"
