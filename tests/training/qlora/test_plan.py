"""A plan gives what the paper says of its runs, and says what helps where one cannot fit."""

from __future__ import annotations

import re
from typing import Any

import pytest
from rich.console import Console

from builders.errors import ShopmixError
from tests.training.qlora.told import lengths
from training.qlora.architecture import Architecture, architecture
from training.qlora.gpus import GPUS
from training.qlora.plan import Plan, plan, tell

#: Samples by the upper end of a bin of 64 tokens (estimated), at the published sizes. Of v8, v7b
#: and v9b, as they are built from published rows, with what these rows lack made up.
V8 = {
    64: 3520, 128: 56960, 192: 86166, 256: 66271, 320: 60333, 384: 66968, 448: 45918, 512: 32093,
    576: 22020, 640: 9154, 704: 6117, 768: 3029, 832: 1715, 896: 1729, 960: 424, 1024: 6, 1344: 12,
}  # fmt: skip
V7B = {
    64: 2837, 128: 21886, 192: 24151, 256: 27217, 320: 21734, 384: 21202, 448: 14433, 512: 9569,
    576: 5745, 640: 1878, 704: 828, 768: 212, 832: 47, 1344: 21,
}  # fmt: skip
V9B = {
    128: 1619, 192: 3900, 256: 9884, 320: 8267, 384: 7567, 448: 3955, 512: 2197, 576: 1614,
    640: 783, 704: 214,
}  # fmt: skip
QWEN = architecture({}, "Qwen/Qwen2-72B-Instruct")


def planned(
    histogram: dict[int, int],
    gpu: str = "a100-80gb",
    gpus: int = 8,
    base: Architecture | None = QWEN,
    **keys: Any,
) -> Plan:
    """A plan for Qwen2-72B, where there is no axolotl."""
    return plan(lengths(histogram), base, keys, GPUS[gpu], gpus, None)


@pytest.mark.parametrize(
    ("histogram", "samples", "least", "most"),
    [
        # published: about 24 h for about 500,000 samples, so 22 h for as many as v8 has
        (V8, 462_435, 20, 25),
        # published: 3 to 8 h, the start of a run among them
        (V7B, 151_760, 3, 8),
        (V9B, 40_000, 1.5, 8),
    ],
)
def test_hours_are_those_of_the_paper(
    histogram: dict[int, int], samples: int, least: float, most: float
) -> None:
    found = planned(histogram)
    assert found.samples == samples
    assert least < found.options[0].hours < most
    assert found.options[0].fits and not found.options[0].shares
    assert not found.warnings


def test_hours_go_with_the_work_and_the_gpus() -> None:
    once, twice = planned(V8), planned(V8, num_epochs=2)
    assert twice.options[0].hours == pytest.approx(2 * once.options[0].hours)
    assert planned(V8, gpus=4).options[0].hours == pytest.approx(
        2 * once.options[0].hours, rel=1e-3
    )
    by_name = {option.gpu.name: option.hours for option in once.options}
    assert by_name["a100-80gb"] / by_name["h100-80gb"] == pytest.approx(989 / 312)


def test_what_is_too_long_is_left_out_and_told() -> None:
    found = planned(V8, sequence_len=512)
    longer = sum(rows for end, rows in V8.items() if end > 512)
    assert found.longer == longer
    assert found.samples == sum(V8.values())
    assert found.best.packs * 512 < found.tokens
    assert found.room == 8 * 4 * 512
    assert found.steps == found.best.packs // 32
    (warning,) = found.warnings
    assert f"{longer:,} samples are longer than 512 tokens" in warning


def test_nothing_fits_a_pack() -> None:
    with pytest.raises(ShopmixError, match="sequence_len 64: all samples are longer"):
        planned(V9B, sequence_len=64)


def test_the_base_is_shared_where_it_has_to_be() -> None:
    assert planned(V9B, "a100-40gb").options[0].shares
    assert planned(V9B, "a100-40gb").options[0].fits
    assert not planned(V9B, "a100-40gb", 1).options[0].fits


def test_what_cannot_fit_says_what_helps() -> None:
    (warning,) = planned(V9B, "l40s-48gb", 1).warnings
    assert warning.startswith("it cannot fit: 71.7 GB are needed on each l40s-48gb of 48.3 GB")
    (gpus,) = re.findall(r"--gpus (\d+)", warning)
    assert planned(V9B, "l40s-48gb", int(gpus)).options[0].fits
    assert not planned(V9B, "l40s-48gb", int(gpus) - 1).options[0].fits
    (kinds,) = re.findall(r"--gpu (\S+(?: or \S+)*)", warning)
    assert kinds.split(" or ") == ["a100-80gb", "h100-80gb", "h200-141gb"]
    (warning,) = planned(V9B, "rtx4090-24gb").warnings
    (tokens,) = re.findall(r"--set sequence_len=(\d+)", warning)
    assert planned(V9B, "rtx4090-24gb", sequence_len=int(tokens)).options[0].fits


def test_an_unknown_model_has_packs_and_steps_alone() -> None:
    found = planned(V9B, base=None)
    assert found.steps == planned(V9B).steps
    assert found.options == ()
    assert found.warnings == (
        "the sizes of this model are not known: no memory and no hours can be told",
    )


def test_it_is_told() -> None:
    console = Console(width=120)
    with console.capture() as said:
        tell(planned(V8, sequence_len=512), console)
    text = said.get()
    for words in ("462,435", "packs of 512 by best fit decreasing", "whole (ZeRO-2)", "warning: "):
        assert words in text
    assert all(name in text for name in GPUS)
