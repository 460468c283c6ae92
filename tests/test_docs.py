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
from builders.mixture.recipe import load
from tests.conftest import BUILDERS, build, publish
from tests.mixture.mixing import mixed, recipe
from tools import sets_page

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def _blocks(language: str) -> list[str]:
    texts = [page.read_text("utf-8") for page in PAGES]
    return [code for text in texts for kind, code in BLOCK.findall(text) if kind == language]


def _commands(start: str) -> list[str]:
    blocks = [block.replace("\\\n", " ") for block in _blocks("")]
    lines = [line.split(" #")[0].strip() for block in blocks for line in block.splitlines()]
    return [line for line in lines if line.startswith(start)]


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder like a reader's: demo samples where `make demo` puts them, ESCI's files, answers."""
    desk = tmp_path_factory.mktemp("desk")
    for builder in BUILDERS.values():
        build(desk / "data" / "demo", builder)
    (desk / "path" / "to" / "esci").mkdir(parents=True)
    publish(desk / "path" / "to" / "esci")
    for name in ("v7", "v8"):  # in small: the recipes of that name ask for hundreds of thousands
        mixed(recipe(desk / f"{name}.yaml"), desk / "data" / "demo", desk / "data" / "mixtures")
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
        # over HTTP: tests/builders/test_hub.py and tests/publish
        if "--source hub" not in command and not command.startswith("python -m builders.publish"):
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


#: Options of other commands that these pages mention.
PASSING = {
    "--rows",
    "--model",
    *"--mixtures --type --set --language --split --source --samples --out".split(),
}
OPTION = r"--[a-z]+(?:-[a-z]+)*"


def _options(module: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-m", module, "--help"], capture_output=True, text=True, check=True
    )
    return set(re.findall(OPTION, done.stdout)) - {"--help"}


def test_the_options_are_those_of_the_command() -> None:
    real = _options("builders.esci")
    readme, llm = ((ROOT / page).read_text("utf-8") for page in ("README.md", "docs/llm.md"))
    told = {*re.findall(rf"^\| `({OPTION})", readme, re.M), *re.findall(rf"`({OPTION})", llm)}
    assert real - told == {"--out"}
    assert told - real <= {"--import", "--export"}


@pytest.mark.parametrize(
    ("modules", "page"),
    [
        ("builders.mixture", "mixtures.md"),
        ("builders.publish", "publishing.md"),
        ("builders.report", "report.md"),
        ("builders.show", "report.md"),
        ("training.qlora", "training.md"),
        ("training.wise_ft training.sweep", "merging.md"),
    ],
)
def test_every_option_has_its_place_in_the_docs(modules: str, page: str) -> None:
    real = set().union(*map(_options, modules.split()))
    told = set(re.findall(OPTION, (ROOT / "docs" / page).read_text("utf-8")))
    of_llm = set(re.findall(OPTION, (ROOT / "docs" / "llm.md").read_text("utf-8")))
    assert not real - told - of_llm
    assert not told - real - PASSING


def test_recipes_in_the_docs_are_recipes(tmp_path: Path) -> None:
    examples = _blocks("yaml")
    assert examples
    for example in examples:
        file = tmp_path / "example.yaml"
        file.write_text(example, "utf-8")
        load(file)


def test_the_page_of_sets_is_up_to_date(demo: Path) -> None:
    assert sets_page.page(demo) == sets_page.PAGE.read_text("utf-8"), "make docs"


def test_links_lead_to_files() -> None:
    for page in PAGES:
        for link in re.findall(r"\]\((?!http)([^)#]+)\)", page.read_text("utf-8")):
            assert (page.parent / link).exists(), f"{page.name}: {link}"
