"""What `python -m training.qlora` is asked for."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from builders.errors import ShopmixError
from builders.mixture.settings import MIXTURES
from training.qlora.gpus import GPUS
from training.runs import RUNS

#: Keys of axolotl's that have an option of ours.
OPTIONS = {
    "base_model": "--base",
    "revision_of_model": "--base NAME@REVISION",
    "datasets": "--dataset",
    "test_datasets": "--dataset",
    "output_dir": "--out",
    "dataset_prepared_path": "--out",
}


class Settings(BaseModel):
    """A run. base: None takes the mixture's own. set: axolotl keys, by name; None removes one."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    mixture: str
    base: str | None = None
    merged: Path | None = None
    dataset: str = str(MIXTURES)
    gpus: int = Field(gt=0)
    gpu: str = "a100-80gb"
    out: Path
    profile: Literal["cpu-tiny"] | None = None
    config_only: bool = False
    check: bool = False
    set: dict[str, Any] = Field(default_factory=dict)

    @property
    def tiny(self) -> bool:
        """Whether it trains a tiny model on the CPU."""
        return self.profile == "cpu-tiny"


def arguments(argv: Sequence[str] | None) -> Settings:
    """Settings from the command line. Raises `ShopmixError` on a value out of range."""
    parser = argparse.ArgumentParser(
        prog="python -m training.qlora",
        description="Train a QLoRA adapter on a mixture through axolotl. The same command again "
        "goes on where a run stopped.",
    )
    parser.add_argument("mixture", help="v7, v8, v7b, v9b, or a mixture of your own")
    parser.add_argument(
        "--base", metavar="NAME[@REVISION]|DIR",
        help="the model to train on (default: the one that the mixture's recipe names)",
    )  # fmt: skip
    parser.add_argument(
        "--from", dest="merged", type=Path, metavar="DIR",
        help="a second round: the base is a model that training.wise_ft has merged",
    )  # fmt: skip
    parser.add_argument(
        "--dataset", default=str(MIXTURES), metavar="NAME[@REVISION]|DIR",
        help="where the mixture is: a data set on the Hub, as you/shopmix@v1.0.0, the mixture's "
        f"folder, or one with a folder of its name (default: {MIXTURES})",
    )  # fmt: skip
    parser.add_argument("--gpus", type=int, metavar="N", help="default: 8")
    parser.add_argument(
        "--gpu", choices=sorted(GPUS), default="a100-80gb", help="default: a100-80gb"
    )
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help=f"the run's folder (default: {RUNS}/MIXTURE)"
    )
    parser.add_argument(
        "--profile", choices=("cpu-tiny",),
        help="cpu-tiny: a random 2-layer model made on the spot and a few steps, on the CPU",
    )  # fmt: skip
    parser.add_argument(
        "--config-only", action="store_true", help="write the configuration and the plan, no more"
    )
    parser.add_argument(
        "--check", action="store_true",
        help="let axolotl check the configuration, show which tokens carry loss, no more",
    )  # fmt: skip
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE",
        help="a key of axolotl's with its value in YAML, null for none; may be given several times",
    )  # fmt: skip
    given = vars(parser.parse_args(argv))
    given["out"] = given["out"] or RUNS / given["mixture"]
    given["set"] = dict(map(_key, given["set"]))
    if given["base"] and given["merged"]:
        raise ShopmixError("--base and --from both name the model to train on: give one of them")
    if given["profile"] and (given["base"] or given["gpus"]):
        raise ShopmixError(
            "--profile cpu-tiny makes its own model, for one CPU: leave --base and --gpus out"
        )
    if given["gpus"] is None:
        given["gpus"] = 1 if given["profile"] else 8
    try:
        return Settings.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        raise ShopmixError(f"--{first['loc'][0]} {first['input']}: {first['msg']}") from None


def _key(given: str) -> tuple[str, Any]:
    """The key and value of `KEY=VALUE`. Raises `ShopmixError`."""
    key, equals, value = given.partition("=")
    if not key or not equals:
        raise ShopmixError(f"--set {given}: KEY=VALUE is wanted, as learning_rate=1e-4")
    if key in OPTIONS:
        raise ShopmixError(f"--set {given}: {key} is set by {OPTIONS[key]}")
    try:
        return key, yaml.safe_load(value)
    except yaml.YAMLError as error:
        raise ShopmixError(f"--set {given}: the value is no YAML: {error}") from None
