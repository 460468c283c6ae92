"""A killed merge goes on where it stopped, and its end is that of an undisturbed one."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from builders.errors import FatalError
from tests.training.wise_ft.merging import asked, merged, refused
from tests.training.wise_ft.models import write_adapter, write_base
from tests.training.wise_ft.tensors import contents, read_tensors
from training.wise_ft import change, write

#: Runs the command with small blocks that go to the disk at once, counts its calls of what brings
#: bytes and names there, and kills itself at one of them.
RUN = """
import json, os, signal, sys
from training.wise_ft import change, write
from training.wise_ft.__main__ import main

change.BLOCK, write.SYNC = 64, 512
count = {name: 0 for name in ("write", "fsync", "rename", "replace")}

def counted(name, real):
    def call(*given):
        count[name] += 1
        if f"{name} {count[name]}" == sys.argv[1]:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*given)
    return call

for name in count:
    setattr(os, name, counted(name, getattr(os, name)))
main(sys.argv[2:])
print(json.dumps(count))
"""
#: Calls at which it is killed, as a share of all of a kind: the first, the last, and between.
MOMENTS = [
    *(("write", share) for share in (0, 0.5, 1)),
    *(("fsync", share) for share in (0.5, 1)),
    *(("rename", share) for share in (0, 1)),
    *(("replace", share) for share in (0, 0.7, 1)),
]
Begun = Callable[[Sequence[str]], None]
Made = tuple[Path, list[tuple[Path, float]]]


def run(moment: str, arguments: Sequence[str]) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-c", RUN, moment, *arguments]
    return subprocess.run(line, capture_output=True, text=True, check=False, timeout=60)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """A base and two adapters, with their weights."""
    at = tmp_path_factory.mktemp("made")
    adapters = [(write_adapter(at / f"v{i}", seed=i), weight) for i, weight in ((8, 0.56), (9, -1))]
    return write_base(at / "base"), adapters


@pytest.fixture(scope="module")
def undisturbed(
    made: Made, tmp_path_factory: pytest.TempPathFactory
) -> tuple[dict[str, bytes], dict[str, int]]:
    """The files of a merge without a mishap, and how many calls it took."""
    out = tmp_path_factory.mktemp("undisturbed") / "out"
    done = run("never", asked(*made, out))
    assert done.returncode == 0, done.stderr
    count: dict[str, int] = json.loads(done.stdout.splitlines()[-1])
    assert all(count.values()), count
    return contents(out), count


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in `RUN`: whoever goes on has to have the same."""
    monkeypatch.setattr(change, "BLOCK", 64)
    monkeypatch.setattr(write, "SYNC", 512)


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Begun:
    """Runs the command on a disk that is full in its midst."""

    def stop(arguments: Sequence[str]) -> None:
        real, count = os.write, iter(range(40))

        def full(fd: int, data: bytes) -> int:
            if next(count, None) is None:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return real(fd, data)

        with monkeypatch.context() as patched:
            patched.setattr(os, "write", full)
            refused(arguments, capsys)

    return stop


def stamps(folder: Path) -> dict[str, tuple[int, int]]:
    """Which file it is, and when it was written, of those that are finished."""
    files = {file.name: file.stat() for file in folder.glob("*.safetensors")}
    return {name: (stat.st_ino, stat.st_mtime_ns) for name, stat in files.items()}


@pytest.mark.parametrize(("call", "share"), MOMENTS)
def test_killed_and_run_again(
    made: Made,
    undisturbed: tuple[dict[str, bytes], dict[str, int]],
    tmp_path: Path,
    call: str,
    share: float,
) -> None:
    (whole, count), out = undisturbed, tmp_path / "out"
    moment = f"{call} {1 + round(share * (count[call] - 1))}"
    done = run(moment, asked(*made, out))
    assert done.returncode == -signal.SIGKILL, done.stderr
    for name, data in contents(out).items():
        if not name.startswith(".") and not name.endswith(".part"):
            assert data == whole[name], f"{name} has its name and is not whole"
    finished = stamps(out)
    merged(*made, out)
    assert contents(out) == whole
    assert stamps(out).items() >= finished.items(), "a finished shard was written again"


def test_it_goes_on_within_a_shard(
    made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, begun: Begun
) -> None:
    """What the journal says is on the disk is not made anew."""
    base, adapters = write_base(tmp_path / "base", shards=1), made[1]
    begun(asked(base, adapters, tmp_path / "out"))
    lines = (tmp_path / "out" / ".merge.jsonl").read_text().splitlines()
    kept = json.loads(lines[-1])["bytes"]
    assert kept > 512
    count, real = 0, os.write

    def counted(fd: int, data: bytes) -> int:
        nonlocal count
        count += len(data)
        return real(fd, data)

    with monkeypatch.context() as patched:
        patched.setattr(os, "write", counted)
        merged(base, adapters, tmp_path / "out")
    size = (tmp_path / "out" / "model.safetensors").stat().st_size
    assert count == size - kept
    whole = merged(base, adapters, tmp_path / "whole")
    assert contents(tmp_path / "out") == contents(whole)


@pytest.mark.parametrize("harm", ["changed", "shorter", "gone"])
def test_what_was_begun_is_not_trusted_blindly(
    made: Made, tmp_path: Path, harm: str, begun: Begun
) -> None:
    base, adapters = write_base(tmp_path / "base", shards=1), made[1]
    out = tmp_path / "out"
    begun(asked(base, adapters, out))
    (half,) = out.glob("*.part")
    if harm == "changed":
        data = bytearray(half.read_bytes())
        data[len(data) // 4] ^= 1
        half.write_bytes(data)
    elif harm == "shorter":
        os.truncate(half, 100)
    else:
        half.unlink()
    merged(base, adapters, out)
    assert contents(out) == contents(merged(base, adapters, tmp_path / "whole"))


@pytest.mark.parametrize("harm", ["cut off", "zeros"])
def test_a_journal_whose_end_a_crash_has_spoilt(
    made: Made,
    undisturbed: tuple[dict[str, bytes], dict[str, int]],
    tmp_path: Path,
    harm: str,
    begun: Begun,
) -> None:
    out = tmp_path / "out"
    begun(asked(*made, out))
    journal = out / ".merge.jsonl"
    if harm == "cut off":
        os.truncate(journal, journal.stat().st_size - 9)
    else:
        with journal.open("ab") as file:
            file.write(b"\0" * 40 + b"\n")
    merged(*made, out)
    assert contents(out) == undisturbed[0]


def test_all_that_has_a_name_is_on_the_disk(
    made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a power cut could leave an empty config.json, and no journal that knows of it."""
    real, synced = os.fsync, set()

    def fsync(fd: int) -> None:
        real(fd)
        synced.add(os.fstat(fd).st_ino)

    monkeypatch.setattr(os, "fsync", fsync)
    out = merged(*made, tmp_path / "out")
    assert {file.name for file in out.iterdir() if file.stat().st_ino not in synced} == set()


def test_a_sync_that_fails_once_is_told(
    made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever it is: the system says once that it has lost bytes, and then no more."""
    base, real = write_base(tmp_path / "base", shards=1), os.fsync
    monkeypatch.setattr(write, "SYNC", 4096)

    def failing(number: int, calls: list[int]) -> Callable[[int], None]:
        def fsync(fd: int) -> None:
            calls.append(fd)
            if len(calls) == number:
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            real(fd)

        return fsync

    calls: list[int] = []
    monkeypatch.setattr(os, "fsync", failing(0, calls))
    merged(base, made[1], tmp_path / "whole")
    for number in range(1, len(calls) + 1):
        monkeypatch.setattr(os, "fsync", failing(number, []))
        with pytest.raises(FatalError, match="Input/output error"):
            merged(base, made[1], tmp_path / f"out-{number}")


@pytest.mark.parametrize("finished", [False, True])
@pytest.mark.parametrize("other", ["weight", "adapter", "base", "fewer"])
def test_another_merge_into_the_same_folder_is_refused(
    made: Made,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    finished: bool,
    other: str,
    begun: Begun,
) -> None:
    (base, adapters), out = made, tmp_path / "out"
    if finished:
        merged(base, adapters, out)
    else:
        begun(asked(base, adapters, out))
    before = contents(out)
    different: dict[str, Made] = {
        "weight": (base, [adapters[0], (adapters[1][0], 0.5)]),
        "adapter": (base, [adapters[0], (write_adapter(tmp_path / "v9", seed=7), -1)]),
        "base": (write_base(tmp_path / "base", shards=2), adapters),
        "fewer": (base, adapters[:1]),
    }
    said = refused(asked(*different[other], out), capsys)
    assert str(out) in said
    assert "another" in said
    assert contents(out) == before


def test_a_finished_merge_is_left_as_it_is(made: Made, tmp_path: Path) -> None:
    out = merged(*made, tmp_path / "out")
    before, old = contents(out), stamps(out)
    merged(*made, out)
    assert (contents(out), stamps(out)) == (before, old)


def test_a_finished_merge_that_was_spoilt_is_told(
    made: Made,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = merged(*made, tmp_path / "out")
    file = next(out.glob("*.safetensors"))
    os.truncate(file, 100)
    assert str(file) in refused(asked(*made, out), capsys)


def test_two_at_once_are_refused(
    made: Made,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The second says so while the first, stopped in its midst, still lives."""
    said: list[str] = []
    real: Any = os.write
    out = tmp_path / "out"

    def asked_again(fd: int, data: bytes) -> Any:
        monkeypatch.setattr(os, "write", real)
        said.append(refused(asked(*made, out), capsys))
        return real(fd, data)

    monkeypatch.setattr(os, "write", asked_again)
    merged(*made, out)
    assert str(out) in said[0]
    assert "another process" in said[0]
    for file in out.glob("*.safetensors"):
        read_tensors(file)
