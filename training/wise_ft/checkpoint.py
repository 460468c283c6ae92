"""A model on disk: its configuration, and where each of its tensors lies in which file.

The safetensors library opens such files, but tells no offsets and reads through a mapping that
counts as the process's memory; a merge that streams needs both otherwise, so headers are read here.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from builders.errors import ShopmixError

CONFIG, SINGLE, INDEX = "config.json", "model.safetensors", "model.safetensors.index.json"
#: Bytes of a number, by safetensors' name of its type.
WIDTHS = MappingProxyType(
    {"BOOL": 1, "U8": 1, "I8": 1, "F8_E5M2": 1, "F8_E4M3": 1, "F8_E8M0": 1}
    | {"BF16": 2, "F16": 2, "I16": 2, "U16": 2}
    | {"F32": 4, "I32": 4, "U32": 4, "F64": 8, "I64": 8, "U64": 8}
)
#: safetensors itself takes no longer header.
_LONGEST_HEADER = 100_000_000

#: Name, type and shape of a tensor.
Entry = tuple[str, str, tuple[int, ...]]


@dataclass(frozen=True)
class Tensor:
    """A tensor in a file. dtype: as in `WIDTHS`. start, end: its bytes in the file."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    file: Path
    start: int
    end: int


@dataclass(frozen=True)
class Shard:
    """A safetensors file. header: all before the tensors. tensors: in the order of their bytes."""

    file: Path
    header: bytes
    metadata: Mapping[str, str] | None
    tensors: tuple[Tensor, ...]

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return self.tensors[-1].end if self.tensors else len(self.header)


@dataclass(frozen=True)
class Checkpoint:
    """A model. index: the content of `INDEX`, None where one file holds all tensors."""

    name: str
    folder: Path
    config: Mapping[str, Any]
    shards: tuple[Shard, ...]
    index: Mapping[str, Any] | None
    tensors: Mapping[str, Tensor]


def open_checkpoint(folder: Path, name: str | None = None) -> Checkpoint:
    """The model in a folder; only headers are read. name: what it is called, else the folder.

    Raises `ShopmixError` where a file is missing, cut off, or not what the index says.
    """
    if (folder / "adapter_config.json").is_file():
        raise ShopmixError(f"{folder} holds an adapter: give the model that it was trained on")
    config = read_json(folder / CONFIG)
    if config.get("quantization_config"):
        raise ShopmixError(
            f"{folder / CONFIG}: a quantised model cannot be merged into: give the model in full "
            f"precision that it was made of"
        )
    files, index = _files(folder)
    shards = tuple(open_shard(folder / file) for file in files)
    tensors: dict[str, Tensor] = {}
    for shard in shards:
        for tensor in shard.tensors:
            if tensor.name in tensors:
                raise ShopmixError(
                    f"{tensor.name} stands in {tensors[tensor.name].file} and in {shard.file}: "
                    f"download the model anew"
                )
            tensors[tensor.name] = tensor
    if index is not None:
        _check_index(folder / INDEX, index["weight_map"], tensors)
    return Checkpoint(name or str(folder), folder, config, shards, index, tensors)


def open_shard(file: Path) -> Shard:
    """The header of a safetensors file. Raises `ShopmixError` where it is not whole."""
    try:
        with file.open("rb") as opened:
            size = file.stat().st_size
            head = opened.read(8)
            length = int.from_bytes(head, "little")
            if len(head) < 8 or length > min(size - 8, _LONGEST_HEADER):
                raise ValueError("its header is cut off")
            text = opened.read(length)
        entries = json.loads(text)
        metadata = entries.pop("__metadata__", None)
        tensors = sorted(
            _tensors(file, entries, 8 + length), key=lambda one: (one.start, one.end, one.name)
        )
        _check_bytes(tensors, 8 + length, size)
    except OSError as error:
        raise ShopmixError(f"{file} cannot be read: {error.strerror}") from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ShopmixError(
            f"{file} is no whole safetensors file ({error}): copy or download it anew"
        ) from None
    return Shard(file, head + text, metadata, tuple(tensors))


def header(entries: Iterable[Entry], metadata: Mapping[str, str] | None) -> bytes:
    """All before the tensors in a safetensors file of these, which follow in the same order."""
    told: dict[str, Any] = {} if metadata is None else {"__metadata__": metadata}
    at = 0
    for name, dtype, shape in entries:
        end = at + math.prod(shape) * WIDTHS[dtype]
        told[name] = {"dtype": dtype, "shape": shape, "data_offsets": [at, end]}
        at = end
    text = json.dumps(told, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # as safetensors aligns tensors
    return len(text).to_bytes(8, "little") + text


def read_json(file: Path) -> dict[str, Any]:
    """The object in a JSON file. Raises `ShopmixError` where there is none."""
    try:
        content = json.loads(file.read_text("utf-8"))
    except FileNotFoundError:
        raise ShopmixError(f"{file} is missing: give the folder of a model or adapter") from None
    except (OSError, ValueError) as error:
        raise ShopmixError(f"{file} cannot be read: {error}") from None
    if not isinstance(content, dict):
        raise ShopmixError(f"{file} holds no JSON object")
    return content


def _files(folder: Path) -> tuple[list[str], dict[str, Any] | None]:
    """The names of the shards, and the index if there is one."""
    single, indexed = (folder / SINGLE).is_file(), (folder / INDEX).is_file()
    if single and indexed:
        raise ShopmixError(f"{folder} has {SINGLE} and {INDEX}: remove the one that is out of date")
    if single:
        return [SINGLE], None
    if not indexed:
        raise ShopmixError(
            f"{folder} has neither {SINGLE} nor {INDEX}: only models in safetensors files can be "
            f"merged"
        )
    index = read_json(folder / INDEX)
    where = index.get("weight_map")
    if not isinstance(where, dict) or not all(isinstance(file, str) for file in where.values()):
        raise ShopmixError(f"{folder / INDEX}: weight_map is no table of files")
    files = sorted(set(where.values()))
    for file in files:
        if Path(file).name != file or not (folder / file).is_file():
            raise ShopmixError(
                f"{folder / INDEX} names {file}, which is not there: copy or download it"
            )
    return files, index


def _tensors(file: Path, entries: Mapping[str, Any], begin: int) -> Iterator[Tensor]:
    for name, entry in entries.items():
        dtype, shape = entry["dtype"], tuple(map(int, entry["shape"]))
        start, end = map(int, entry["data_offsets"])
        if dtype not in WIDTHS:
            raise ValueError(f"{name} is of the unknown type {dtype}")
        if end - start != math.prod(shape) * WIDTHS[dtype]:
            raise ValueError(f"{name} has not as many bytes as its shape")
        yield Tensor(name, dtype, shape, file, begin + start, begin + end)


def _check_bytes(tensors: list[Tensor], begin: int, size: int) -> None:
    """Tensors follow each other without a gap up to the end of the file. Raises `ValueError`."""
    for tensor in tensors:
        if tensor.start != begin:
            raise ValueError(f"{tensor.name} does not follow the tensor before it")
        begin = tensor.end
    if begin != size:
        raise ValueError(f"{size:,} bytes of {begin:,}")


def _check_index(file: Path, where: Mapping[str, str], tensors: Mapping[str, Tensor]) -> None:
    for name, shard in where.items():
        if name not in tensors or tensors[name].file.name != shard:
            raise ShopmixError(f"{file} says that {name} stands in {shard}, where it does not")
    if left := sorted(tensors.keys() - where.keys()):
        raise ShopmixError(f"{file} does not name {left[0]} of {tensors[left[0]].file.name}")
