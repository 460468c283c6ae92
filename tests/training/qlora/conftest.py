"""Runs to configure, of mixtures that we write ourselves."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from builders.console import Reporter
from builders.errors import ShopmixError
from builders.mixture.manifest import NAME
from builders.mixture.settings import MIXTURES
from tests.publish.mixtures import mixture
from training.qlora.run import run
from training.qlora.settings import arguments

Configure = Callable[..., dict[str, Any]]


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder without axolotl, and without the Hub."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.executable", str(tmp_path / "bin" / "python"))
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    return tmp_path


@pytest.fixture
def v8(desk: Path) -> Path:
    """The folder of a mixture, where the command looks for it."""
    return made(desk / MIXTURES, "v8")


def made(folder: Path, name: str, seed: int = 0) -> Path:
    """Write a mixture that is made for Qwen2-72B, as ours are; returns its folder."""
    told = mixture(folder, name, seed=seed)
    recipe = {**told.recipe, "base_model": "Qwen/Qwen2-72B-Instruct"}
    text = told.model_copy(update={"recipe": recipe}).text()
    (folder / name / NAME).write_text(text, "utf-8")
    return folder / name


def told(*argv: str) -> None:
    """Run the command in this process."""
    run(arguments(argv), ["python", "-m", "training.qlora", *argv], Reporter())


def refused(*argv: str) -> str:
    """What the command is refused with."""
    with pytest.raises(ShopmixError) as error:
        told(*argv)
    return str(error.value)


@pytest.fixture
def configure(v8: Path) -> Configure:
    """Write a configuration for v8; returns its keys."""

    def configured(*argv: str) -> dict[str, Any]:
        told(v8.name, "--config-only", *argv)
        out = Path(argv[argv.index("--out") + 1]) if "--out" in argv else Path("runs/v8")
        return dict(yaml.safe_load((out / "config.yaml").read_text("utf-8")))

    return configured


def model(folder: Path, **config: object) -> Path:
    """A folder with the configuration of a model, and no weights."""
    folder.mkdir(parents=True)
    sizes = {
        "model_type": "qwen2",
        "num_hidden_layers": 28,
        "hidden_size": 3584,
        "intermediate_size": 18944,
        "num_attention_heads": 28,
        "num_key_value_heads": 4,
        "vocab_size": 152064,
    }
    (folder / "config.json").write_text(json.dumps({**sizes, **config}), "utf-8")
    return folder
