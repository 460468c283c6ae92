"""Copy a folder's files in blocks, and bring them to the disk: merge_copy.py FROM TO FSYNCS.

Each file with tensors gets as many of the fsyncs as any other, evenly over its bytes, the last one
at its end.
"""

import os
import sys
from pathlib import Path

BLOCK = 16 << 20


def copy(file: Path, out: Path, fsyncs: int) -> None:
    """Copy a file."""
    size, done, synced = file.stat().st_size, 0, 0
    with file.open("rb", buffering=0) as read, out.open("wb", buffering=0) as write:
        while block := read.read(BLOCK):
            write.write(block)
            done += len(block)
            while done * fsyncs >= (synced + 1) * size:
                os.fsync(write.fileno())
                synced += 1


def main() -> None:
    """Copy all."""
    source, out, fsyncs = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
    out.mkdir()
    files = sorted(source.glob("*.safetensors"))
    for i, file in enumerate(files):
        share = fsyncs * (i + 1) // len(files) - fsyncs * i // len(files)
        copy(file, out / file.name, share)
    for file in source.glob("*.json"):
        copy(file, out / file.name, 0)


if __name__ == "__main__":
    main()
