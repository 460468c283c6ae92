"""A base of zeros, two adapters of ones, and the command that scores their merges."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from tests.training.sweep.score import MAPS
from tests.training.wise_ft.models import LINEAR, OTHERS, pair, shapes, write_lora, write_model
from training.sweep.__main__ import main

SCORE = Path(__file__).with_name("score.py")


@dataclass(frozen=True)
class Folder:
    """Where a sweep is tried. one, two: adapters. calls: which weights were scored, each time."""

    base: Path
    one: Path
    two: Path
    out: Path
    calls: Path

    def command(self, *more: str, scored: str = "{model}") -> str:
        """The command that scores."""
        words = [sys.executable, str(SCORE), "--calls", str(self.calls), *more]
        return f"{shlex.join(words)} {scored}"

    def arguments(self, *given: str, command: str | None = None) -> list[str]:
        """The command line of a sweep."""
        scores = ["--command", command or self.command()]
        return [f"--base={self.base}", f"--out={self.out}", *scores, *given]

    def called(self) -> list[tuple[float, float]]:
        """The weights of each call, as the files had them."""
        lines = self.calls.read_text().splitlines() if self.calls.exists() else []
        return [(told[1], told[2]) for told in map(json.loads, lines)]

    def scored_folders(self) -> list[Path]:
        """The folder that each call was given."""
        return [Path(json.loads(line)[0]) for line in self.calls.read_text().splitlines()]


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    tensors = {name: np.zeros(shape) for name, shape in shapes().items()}
    base = write_model(tmp_path / "base", tensors, "F32", shards=3)
    for name, data in OTHERS.items():
        (base / name).write_bytes(data)
    for name, module in zip(("one", "two"), MAPS, strict=True):
        rows, columns = LINEAR[module.partition(".0.")[2]]
        ones = pair(module, np.ones((1, columns)), np.ones((rows, 1)))
        write_lora(tmp_path / name, ones, r=1, lora_alpha=1)
    return Folder(base, tmp_path / "one", tmp_path / "two", tmp_path / "sweep", tmp_path / "calls")


Sweep = Callable[..., str]


@pytest.fixture
def sweep(folder: Folder, capsys: pytest.CaptureFixture[str]) -> Sweep:
    """Run a sweep in this process; returns what it prints."""

    def run(*given: str, command: str | None = None) -> str:
        capsys.readouterr()
        main(folder.arguments(*given, command=command))
        return capsys.readouterr().out

    return run
