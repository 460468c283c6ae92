"""What a run's folder says of itself: run.json at first, training.json and a card at the end."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from builders.cards.model import model_card
from builders.errors import ShopmixError
from builders.manifest import replacing
from training.card import Trained, adapter_card
from training.qlora import checkpoints, hyperparameters
from training.qlora.base import CARD, Base
from training.qlora.config import CONFIG
from training.qlora.dataset import Mixture
from training.runs import RUN, TRAINING

#: Keys whose values are places: the same run may be asked for from another folder.
_PLACES = {
    "base_model", "datasets", "test_datasets", "dataset_prepared_path", "output_dir", "deepspeed",
}  # fmt: skip
#: Packages that decide what training does.
_PACKAGES = (
    "axolotl", "torch", "transformers", "peft", "bitsandbytes", "accelerate", "datasets", "trl",
    "deepspeed", "tokenizers", "numpy",
)  # fmt: skip


def decided(config: Mapping[str, Any], mixture: Mixture, base: Base, gpus: int) -> dict[str, Any]:
    """Everything that decides a run, as it stands in `RUN`."""
    manifest = mixture.manifest
    return {
        "mixture": manifest.mixture,
        "mixture_id": manifest.id,
        "dataset": {
            "where": mixture.where,
            "revision": mixture.revision,
            "commit": mixture.commit,
            "licenses": list(manifest.licenses),
            "languages": list(manifest.languages),
        },
        "base": {"name": base.place, "revision": base.revision, "license": base.license},
        "merge": base.merge,
        "gpus": gpus,
        "config": dict(config),
    }


def refuse_others(out: Path, told: Mapping[str, Any]) -> None:
    """Raises `ShopmixError` where the run in a folder has begun and is not the one told."""
    if not (out / TRAINING).exists() and not checkpoints.steps(out):
        return
    old = _read(out / RUN)
    differ = list(_differences(old, told))
    if differ:
        raise ShopmixError(
            f"{out} holds another run: {'; '.join(differ)}. Choose another folder with --out, or "
            f"delete it"
        )


def finished(out: Path) -> dict[str, Any] | None:
    """What `TRAINING` says, None where the run has not ended."""
    return _read(out / TRAINING) if (out / TRAINING).exists() else None


def write_run(out: Path, told: Mapping[str, Any]) -> None:
    """Say what decides the run."""
    _write(out / RUN, told)


def write_end(
    out: Path, told: Mapping[str, Any], packages: Mapping[str, str], resumed: int, seconds: float
) -> dict[str, Any]:
    """Write `TRAINING` and the adapter's card, once axolotl has ended; returns the former.

    resumed: the step that the last session began at. seconds: what that took. Raises `ShopmixError`
    where the last step is not there.
    """
    state = _last(out)
    history = state["log_history"]
    hyper = hyperparameters.of(told["config"]).model_dump(exclude_none=True)
    ended = {
        **told,
        "hyperparameters": hyper,
        "packages": {name: packages[name] for name in _PACKAGES if name in packages},
        "steps": state["global_step"],
        "epochs": state["epoch"],
        "loss": [[one["step"], one["loss"]] for one in history if "loss" in one],
        "eval_loss": [[one["step"], one["eval_loss"]] for one in history if "eval_loss" in one],
        "last_session": {"from_step": resumed, "seconds": round(seconds, 1)},
    }
    with replacing(out / CARD) as half:
        card = adapter_card(out.resolve().name, Trained.model_validate(ended))
        half.write_text(model_card(card), "utf-8")
    _write(out / TRAINING, ended)
    return ended


def _last(out: Path) -> dict[str, Any]:
    """The trainer's state at its last step. Raises `ShopmixError` where it stopped before."""
    found = checkpoints.steps(out)
    state = checkpoints.state(found[max(found)]) if found else None
    if state is None or state["global_step"] < state["max_steps"]:
        done = f"step {state['global_step']} of {state['max_steps']}" if state else "no step at all"
        raise ShopmixError(
            f"{out}: axolotl ended after {done}: run the same command again, it goes on from there"
        )
    if not (out / checkpoints.ADAPTER).is_file():
        raise ShopmixError(f"{out}: axolotl has left no {checkpoints.ADAPTER}, see {out}/{CONFIG}")
    return state


def _differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    """What is decided otherwise, a phrase each."""
    for key in ("mixture_id", "base", "merge", "gpus"):
        if old.get(key) != new[key]:
            yield f"{key} is {old.get(key)!r}, not {new[key]!r}"
    before, now = old.get("config", {}), new["config"]
    for key in sorted({*before, *now} - _PLACES):
        if before.get(key) != now.get(key):
            yield f"{key} is {before.get(key)!r}, not {now.get(key)!r}"


def _read(file: Path) -> dict[str, Any]:
    try:
        told = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise ShopmixError(
            f"{file} cannot be read ({error}), and so it is not known what was trained there: "
            f"choose another folder with --out, or delete it"
        ) from None
    return dict(told)


def _write(file: Path, told: Mapping[str, Any]) -> None:
    with replacing(file) as half:
        half.write_text(json.dumps(told, indent=2, ensure_ascii=False) + "\n", "utf-8")
