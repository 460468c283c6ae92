"""Merging in tests: by function, by command in this process, and by command in one of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest

from builders.cli import run
from builders.console import Reporter
from training.wise_ft.__main__ import main
from training.wise_ft.combination import opened
from training.wise_ft.merge import merge

#: An adapter and its weight, or both as the command line has them.
Part = tuple[Path, float] | str
#: Merges adapters, which is refused; returns what was said.
Refused = Callable[..., str]


def asked(base: Path, adapters: Iterable[Part], out: Path) -> list[str]:
    """The arguments of the command."""
    given = [f"--adapter={one if isinstance(one, str) else told(*one)}" for one in adapters]
    return [f"--base={base}", *given, f"--out={out}"]


def told(folder: Path, weight: float) -> str:
    """An adapter with its weight, as the command line has it."""
    return f"{folder}={weight!r}"


def merged(base: Path, adapters: Iterable[Part], out: Path) -> Path:
    """The folder of the merged model."""
    parts = [one if isinstance(one, str) else told(*one) for one in adapters]
    merge(opened(str(base), parts), out, Reporter())
    return out


def refused(arguments: Sequence[str], capsys: pytest.CaptureFixture[str]) -> str:
    """What the command says on stderr, in one line, when it ends with exit code 2."""
    capsys.readouterr()
    with pytest.raises(SystemExit) as stopped:
        run(lambda: main(arguments))
    said = capsys.readouterr().err
    assert stopped.value.code == 2, said
    assert said.startswith("error: ") and said.count("\n") == 1, said
    return said


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    """`python -m training.wise_ft`, in a process of its own."""
    line = [sys.executable, "-m", "training.wise_ft", *arguments]
    return subprocess.run(line, capture_output=True, text=True, check=False, timeout=120)


def change_json(file: Path, **changes: Any) -> None:
    file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))
