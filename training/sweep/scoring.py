"""The command that scores a model, and the score in what it prints."""

from __future__ import annotations

import json
import math
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from builders.errors import ShopmixError

#: What scores a model unless a command is given.
DEFAULT = "python -m inference.evaluate --model {model}"
#: Lines of a failed command that its error shows.
_LINES = 12


@dataclass(frozen=True)
class Scorer:
    """A command to run. template: as given. scores: what it is given a folder of."""

    template: str
    words: tuple[str, ...]
    scores: Literal["model", "adapter"]

    def score(self, point: str, folders: Mapping[str, Path], logs: Path) -> float:
        """Run the command on the folders it names, as {model}; higher is better.

        point: what an error calls it. What the command says goes to files of the folder `logs`
        while it runs. Raises `ShopmixError` where it fails or prints no score.
        """
        words = list(self.words)
        for name, folder in folders.items():
            words = [word.replace(f"{{{name}}}", str(folder)) for word in words]
        out, err = logs / "stdout.txt", logs / "stderr.txt"
        for file in (out, err):  # one of a killed sweep may still write to the old ones
            file.unlink(missing_ok=True)
        with out.open("wb") as stdout, err.open("wb") as stderr:
            done = subprocess.run(
                words, stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr, check=False
            )
        printed, said = (file.read_text("utf-8", errors="replace") for file in (out, err))
        if done.returncode:
            why = f"ended with exit code {done.returncode}"
        elif (score := found(printed)) is None:
            why = (
                'printed no score: a line with a number alone, or a JSON object with "score", is '
                "wanted on its standard output"
            )
        elif not math.isfinite(score):
            why = f"printed the score {score}"
        else:
            return score
        last = "\n".join((printed + said).rstrip().splitlines()[-_LINES:])
        raise ShopmixError(
            f"{point}: {shlex.join(words)} {why}. What was scored is kept: the same sweep goes on "
            f"from here. The last it said:\n{last or '(nothing)'}"
        )


def scorer(template: str | None) -> Scorer:
    """The scorer of a template with {model} or {adapter}, and {base} where it wants it; None: the
    default. It is run without a shell.

    Raises `ShopmixError` where it cannot be run at all.
    """
    if template is None:
        if find_spec("inference") is None or find_spec("inference.evaluate") is None:
            raise ShopmixError(
                "inference.evaluate is not part of this installation: name what scores a model, as "
                "--command 'python my_score.py {model}'"
            )
        template, words = DEFAULT, [sys.executable, *shlex.split(DEFAULT)[1:]]
    else:
        try:
            words = shlex.split(template)
        except ValueError as error:
            raise ShopmixError(f"--command {template}: {error}") from None
    named = [name for name in ("model", "adapter") if any(f"{{{name}}}" in word for word in words)]
    if named not in (["model"], ["adapter"]):
        raise ShopmixError(
            f"--command {template}: either {{model}} or {{adapter}} is wanted, the folder to score"
        )
    if shutil.which(words[0]) is None:
        raise ShopmixError(f"--command {template}: there is no command {words[0]}")
    return Scorer(template, tuple(words), "model" if named == ["model"] else "adapter")


def found(printed: str) -> float | None:
    """The score in what a command prints: the last line that is a number, or a JSON object with a
    number under "score"."""
    for line in reversed(printed.splitlines()):
        score = _number(line)
        if score is not None:
            return score
    return None


def _number(line: str) -> float | None:
    try:
        return float(line)
    except ValueError:
        pass
    try:
        told = json.loads(line)
    except ValueError:
        return None
    score = told.get("score") if isinstance(told, dict) else None
    return float(score) if isinstance(score, int | float) and not isinstance(score, bool) else None
