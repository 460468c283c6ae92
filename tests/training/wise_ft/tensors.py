"""Numbers and safetensors files, rounded, written and read apart from the code under test."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import deserialize

Array = NDArray[Any]
Arrays = dict[str, Array]

#: Of each dtype: bits of a significand, and the exponent of the smallest step.
STEPS = {"BF16": (8, -133), "F16": (11, -24), "F32": (24, -149)}
NUMPY = {"F16": "<f2", "F32": "<f4", "F64": "<f8"}


def unit(values: Array, dtype: str) -> Array:
    """The distance of neighbouring numbers of a dtype, around float64 values."""
    bits, least = STEPS[dtype]
    made: Array = np.ldexp(1.0, np.maximum(np.frexp(values)[1] - bits, least))
    return made


def rounded(values: Array, dtype: str) -> Array:
    """The nearest numbers of a dtype, ties to even: once, from float64, which holds them all."""
    step = unit(values, dtype)
    made: Array = np.rint(values / step) * step
    return made


def encoded(values: Array, dtype: str) -> bytes:
    """Little-endian bytes of values, rounded once to the dtype."""
    if dtype == "BF16":
        return (rounded(values, dtype).astype("<f4").view("<u4") >> 16).astype("<u2").tobytes()
    return values.astype(NUMPY[dtype]).tobytes()


def decoded(data: bytes, dtype: str, shape: Sequence[int]) -> Array:
    """The values of a tensor, as float64."""
    if dtype == "BF16":
        wide = np.frombuffer(data, "<u2").astype("<u4") << 16
        return wide.view("<f4").astype(float).reshape(shape)
    return np.frombuffer(data, NUMPY[dtype]).astype(float).reshape(shape)


def write_tensors(
    file: Path, tensors: Mapping[str, Array], dtype: str, metadata: Mapping[str, str] | None = None
) -> None:
    """A safetensors file, its tensors in the order given."""
    header: dict[str, Any] = {"__metadata__": metadata} if metadata else {}
    blocks, end = [], 0
    for name, values in tensors.items():
        blocks.append(encoded(values, dtype))
        start, end = end, end + len(blocks[-1])
        header[name] = {"dtype": dtype, "shape": values.shape, "data_offsets": [start, end]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    file.write_bytes(len(text).to_bytes(8, "little") + text + b"".join(blocks))


def header_of(file: Path) -> dict[str, Any]:
    """The header of a safetensors file, as it stands there."""
    data = file.read_bytes()
    size = int.from_bytes(data[:8], "little")
    made: dict[str, Any] = json.loads(data[8 : 8 + size])
    return made


def read_tensors(file: Path) -> Arrays:
    """All tensors of a file as float64, read by the format's own library."""
    tensors = deserialize(file.read_bytes())  # type: ignore[no-untyped-call]
    return {name: decoded(t["data"], t["dtype"], t["shape"]) for name, t in tensors}


def read_model(folder: Path) -> Arrays:
    """All tensors of all shards of a checkpoint."""
    files = sorted(folder.glob("*.safetensors"))
    return {name: values for file in files for name, values in read_tensors(file).items()}


def contents(folder: Path) -> dict[str, bytes]:
    """The bytes of all files below a folder."""
    files = (file for file in folder.rglob("*") if file.is_file())
    return {str(file.relative_to(folder)): file.read_bytes() for file in files}
