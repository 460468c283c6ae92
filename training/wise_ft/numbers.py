"""Reading numbers out of safetensors files, without a mapping, in the precision of arithmetic."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from builders.errors import ShopmixError
from training.wise_ft.checkpoint import WIDTHS, Tensor

#: Types that numbers of models and adapters may have, and what they lie on disk as.
STORED = {"BF16": np.uint16, "F16": np.float16, "F32": np.float32, "F64": np.float64}
#: Bytes that are read at once where a file is gone through.
CHUNK = 8 << 20


def read_bytes(tensor: Tensor, start: int, count: int) -> memoryview:
    """`count` bytes of a tensor from its byte `start` on. Raises `ShopmixError`."""
    view, done = np.empty(count, np.uint8).data, 0
    try:
        with tensor.file.open("rb", buffering=0) as file:
            while done < count:
                got = os.preadv(file.fileno(), [view[done:]], tensor.start + start + done)
                if not got:
                    raise ShopmixError(f"{tensor.file} was cut off while it was read")
                done += got
    except OSError as error:
        raise ShopmixError(f"{tensor.file} cannot be read: {error.strerror}") from None
    return view


def stored(tensor: Tensor, begin: int = 0, end: int | None = None) -> NDArray[Any]:
    """Numbers `begin` to `end` of a tensor as they are stored, flat; bf16 as its bits, uint16.

    Raises `ShopmixError` for a type that is no floating point of 16 bits or more.
    """
    if tensor.dtype not in STORED:
        raise ShopmixError(
            f"{tensor.file}: {tensor.name} is {tensor.dtype}: only {', '.join(STORED)} can be "
            f"calculated with"
        )
    width = WIDTHS[tensor.dtype]
    end = math.prod(tensor.shape) if end is None else end
    raw = read_bytes(tensor, begin * width, (end - begin) * width)
    return np.frombuffer(raw, dtype=STORED[tensor.dtype])


def widened(numbers: NDArray[Any]) -> NDArray[Any]:
    """The same numbers as float32, exactly; bf16 is given as its bits. float64 stays what it is."""
    if numbers.dtype == np.uint16:
        bits: NDArray[np.uint32] = np.left_shift(numbers, 16, dtype=np.uint32)
        return bits.view(np.float32)
    return numbers if numbers.dtype == np.float64 else numbers.astype(np.float32, copy=False)


def read(tensor: Tensor) -> NDArray[Any]:
    """A whole tensor in its shape, as float32, or float64 where it is stored so."""
    return widened(stored(tensor)).reshape(tensor.shape)


def chunks(tensor: Tensor) -> Iterator[NDArray[Any]]:
    """The numbers of a tensor from first to last, some at a time."""
    count, step = math.prod(tensor.shape), CHUNK // max(WIDTHS.values())
    for begin in range(0, count, step):
        yield stored(tensor, begin, min(begin + step, count))


def equal(one: Tensor, other: Tensor) -> bool:
    """Whether two tensors are of one shape and hold the same numbers, NaN apart, in any types."""
    pairs = zip(chunks(one), chunks(other), strict=True)
    return one.shape == other.shape and all(
        np.array_equal(widened(some), widened(same)) for some, same in pairs
    )


def finite(numbers: NDArray[Any]) -> bool:
    """Whether all are: no infinity and no NaN. bf16 is given as its bits."""
    if not numbers.size:
        return True
    if numbers.dtype == np.uint16:
        return bool((numbers & np.uint16(0x7FFF)).max() < 0x7F80)
    return bool(np.isfinite(numbers).all())
