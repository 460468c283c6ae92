"""A sweep that is killed goes on where it was: no point is paid for twice."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections import Counter

from tests.training.sweep.conftest import Folder, Sweep

ALPHAS = "--alphas=0,0.25,0.5,0.75,1"
#: Kills itself when the second merge has ended a file, and not yet the model.
IN_A_MERGE = """
import os, signal, sys
from training.sweep.__main__ import main
from training.wise_ft import write

seen = 0
def finish(*given):
    global seen
    real(*given)
    seen += 1
    if seen == 2:
        os.kill(os.getpid(), signal.SIGKILL)

real, write._finish = write._finish, finish
main(sys.argv[1:])
"""
#: Kills itself when it begins to remove the second merge, some of which is gone.
IN_A_REMOVAL = """
import os, shutil, signal, sys
from pathlib import Path
from training.sweep.__main__ import main

seen = 0
def remove(folder):
    global seen
    if (Path(folder) / "model").exists():
        seen += 1
        (Path(folder) / "model" / "config.json").unlink()
    if seen == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    real(folder)

real, shutil.rmtree = shutil.rmtree, remove
main(sys.argv[1:])
"""


def killed(*line: str) -> None:
    done = subprocess.run([sys.executable, *line], capture_output=True, timeout=60, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr


def test_killed_while_a_point_is_scored(folder: Folder, sweep: Sweep) -> None:
    command = folder.command("--kill-at=3")
    given = [f"--adapter={folder.one}", ALPHAS]
    killed("-m", "training.sweep", *folder.arguments(*given, command=command))
    assert folder.called() == [(0, 0), (0.25, 0), (0.5, 0)]
    printed = sweep(*given, command=command)
    assert "2 of 5 points are scored already" in printed
    assert Counter(folder.called()) == Counter(
        {(0, 0): 1, (0.25, 0): 1, (0.5, 0): 2, (0.75, 0): 1, (1, 0): 1}
    )
    assert not (folder.out / ".scratch").exists()


def test_killed_while_a_point_is_merged(folder: Folder, sweep: Sweep) -> None:
    given = [f"--adapter={folder.one}", ALPHAS]
    killed("-c", IN_A_MERGE, *folder.arguments(*given))
    assert folder.called() == [(0, 0), (0.25, 0)]
    (half,) = (folder.out / ".scratch").glob("*/model")
    assert (half / ".merge.jsonl").exists()
    sweep(*given)
    assert folder.called() == [(one, 0) for one in (0, 0.25, 0.5, 0.75, 1)]


def test_killed_while_a_point_is_removed(folder: Folder, sweep: Sweep) -> None:
    given = [f"--adapter={folder.one}", ALPHAS]
    killed("-c", IN_A_REMOVAL, *folder.arguments(*given))
    assert folder.called() == [(0, 0), (0.25, 0), (0.5, 0)]
    assert list((folder.out / ".scratch").glob("*.gone"))
    again = folder.command("--fail-at=99")  # all is scored anew, the half-removed point too
    sweep(*given, command=again)
    assert folder.called()[3:] == [(one, 0) for one in (0, 0.25, 0.5, 0.75, 1)]
    sweep(*given)
    assert folder.called()[8:] == [(0.75, 0), (1, 0)]
    assert not (folder.out / ".scratch").exists()
