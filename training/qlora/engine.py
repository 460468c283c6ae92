"""axolotl, which has an environment of its own: where it is, and how it is run."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import IO, Any

from builders.errors import ShopmixError

INSIDE = Path(__file__).resolve().parent / "inside"
#: Where `make env-train` puts axolotl.
ENVIRONMENT = Path(".venv-train")
#: Of a failed run so many lines are told.
_LINES = 15


@dataclass(frozen=True)
class Axolotl:
    """An environment that has axolotl. bin: the folder of its programs."""

    bin: Path

    def script(self, name: str, request: Any) -> Any:
        """Run inside/<name>.py on a request, both JSON; returns what it answers.

        Raises `ShopmixError` with its last line where it fails.
        """
        with tempfile.TemporaryDirectory(prefix="shopmix-") as scratch:
            asked, answer = Path(scratch) / "asked.json", Path(scratch) / "answer.json"
            asked.write_text(json.dumps(request), "utf-8")
            command = [self.bin / "python", INSIDE / f"{name}.py", asked, answer]
            try:
                done = subprocess.run(
                    command, env=self._environment(), capture_output=True, text=True, check=False
                )
            except OSError as error:
                raise ShopmixError(f"{command[0]} cannot be run: {error.strerror}") from None
            if done.returncode:
                said = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
                raise ShopmixError(f"{self.bin}/python {name}.py: {said}")
            return json.loads(answer.read_text("utf-8"))

    def run(self, arguments: Sequence[str], log: Path, lock: int) -> None:
        """Run `axolotl` with these arguments; what it says goes to the terminal and to a log.

        Interrupts are passed on to it. lock: a file that it keeps open as long as it lives.
        Raises `ShopmixError` where it fails, or the log cannot be written.
        """
        last: deque[str] = deque(maxlen=_LINES)
        child = subprocess.Popen(
            [self.bin / "axolotl", *arguments],
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            pass_fds=[lock],
        )
        assert child.stdout
        try:
            with _passed_on(child) as signals, log.open("ab") as written:
                _copy(child.stdout, written, last)
                child.wait()
        except OSError as error:
            if error.filename is None and not isinstance(error, BrokenPipeError):
                error.filename = str(log)
            raise
        finally:
            if child.poll() is None:
                os.killpg(child.pid, signal.SIGTERM)
                child.wait()
            child.stdout.close()
        if signal.SIGINT in signals:
            raise KeyboardInterrupt
        if signals:
            sys.exit(128 + signals[0])
        if child.returncode:
            told = "\n".join(last)
            raise ShopmixError(
                f"axolotl {arguments[0]} failed with exit code {child.returncode}, see {log}:\n"
                f"{told}"
            )

    def _environment(self) -> dict[str, str]:
        """This process's, with its programs first, nothing told to strangers, and one log."""
        path = f"{self.bin}{os.pathsep}{os.environ.get('PATH', '')}"
        quiet = {"AXOLOTL_DO_NOT_TRACK": "1", "AXOLOTL_TEE_STDOUT": "0", "PYTHONUNBUFFERED": "1"}
        return {**os.environ, **quiet, "PATH": path}


def find() -> Axolotl:
    """axolotl beside this interpreter, on PATH, or in `ENVIRONMENT`. Raises `ShopmixError`."""
    for place in (Path(sys.executable).parent, None, ENVIRONMENT / "bin"):
        if found := shutil.which("axolotl", path=str(place) if place else None):
            return Axolotl(Path(found).resolve().parent)
    raise ShopmixError(
        f"axolotl is not here: make env-train puts it into {ENVIRONMENT}, or put the environment "
        f"that has it on PATH (--config-only does without)"
    )


def _copy(said: IO[bytes], log: IO[bytes], last: deque[str]) -> None:
    """What a process says, to the terminal and a log; keeps its last lines."""
    rest = b""
    while block := said.read1():  # type: ignore[attr-defined] # a buffered reader has it
        sys.stdout.buffer.write(block)
        sys.stdout.buffer.flush()
        log.write(block)
        log.flush()
        *lines, rest = (rest + block).replace(b"\r", b"\n").split(b"\n")
        last.extend(line.decode("utf-8", "replace") for line in lines if line.strip())
    if rest.strip():
        last.append(rest.decode("utf-8", "replace"))


@contextmanager
def _passed_on(child: subprocess.Popen[bytes]) -> Iterator[list[int]]:
    """While it lives a child gets the interrupts that we get; yields those that came."""
    came: list[int] = []

    def pass_on(number: int, frame: FrameType | None) -> None:
        came.append(number)
        with suppress(ProcessLookupError):  # it has just ended
            os.killpg(child.pid, number)

    before = {one: signal.signal(one, pass_on) for one in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield came
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
