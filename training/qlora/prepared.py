"""The tokens that axolotl keeps of a mixture, and what a killed run has left of them.

axolotl takes a folder of tokens for whole as soon as there is a file in it, and a killed process
leaves its counter and its flag. The last file of a folder is dataset_info.json.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

_LAST = ("state.json", "dataset_info.json")
_SIGNS = ("datasets_ready.flag", "process_counter.txt", "datasets_prep.lock")


def clean(folder: Path) -> int:
    """Remove what is half written; returns how many splits are whole."""
    for name in _SIGNS:
        (folder / name).unlink(missing_ok=True)
    there = [path for path in folder.iterdir() if path.is_dir()] if folder.is_dir() else []
    for path in there:
        if not _whole(path):
            shutil.rmtree(path)
    return sum(path.is_dir() for path in there)


def _whole(folder: Path) -> bool:
    try:
        state, _ = (json.loads((folder / name).read_text("utf-8")) for name in _LAST)
        return all((folder / file["filename"]).is_file() for file in state["_data_files"])
    except (OSError, ValueError, KeyError, TypeError):
        return False
