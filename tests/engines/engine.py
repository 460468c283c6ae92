"""Run a command in the environment of an engine, and show the end of its output when it fails."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = Path(__file__).resolve().parent / "scripts"

TIMEOUT = 300  # seconds; an engine that waits for the network would otherwise wait for ever

# No network, no telemetry, and one process per engine: a start takes seconds instead of a minute.
QUIET = {
    "HF_HUB_OFFLINE": "1",
    "AXOLOTL_DO_NOT_TRACK": "1",
    "VLLM_NO_USAGE_STATS": "1",
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
    "VLLM_CPU_KVCACHE_SPACE": "1",
    "TOKENIZERS_PARALLELISM": "false",
}


class Engine:
    """The environment of requirements/<name>.txt, created when this machine lacks it."""

    def __init__(self, name: str, scratch: Path) -> None:
        """`scratch` becomes Hugging Face's home, so that no cache of the user's takes part."""
        made = subprocess.run(
            [sys.executable, str(ROOT / "tools" / "engine_env.py"), name],
            stdout=subprocess.PIPE,
            text=True,
            check=True,  # its progress and its errors go to stderr, where pytest shows them
        )
        self.name = name
        self.bin = Path(made.stdout.strip()).parent
        self.scratch = scratch

    def run(self, *command: str | Path, **variables: str) -> str:
        """Run a program of the environment and return what it printed; `variables` join os.environ.

        Raises AssertionError, with the last 4,000 characters of the output, on any failure.
        """
        program, *arguments = map(str, command)
        environment = os.environ | QUIET | {"HF_HOME": str(self.scratch)} | variables
        environment["PATH"] = f"{self.bin}{os.pathsep}{environment['PATH']}"
        with subprocess.Popen(
            [str(self.bin / program), *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=environment,
            cwd=self.scratch,
            start_new_session=True,
        ) as process:
            try:
                output, _ = process.communicate(timeout=TIMEOUT)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)  # its children too: they hold the pipe
                output = f"{process.communicate()[0]}\nstopped after {TIMEOUT} s"
        assert process.returncode == 0, (
            f"{self.name}: {program} exited {process.returncode}:\n{output[-4000:]}"
        )
        return output

    def script(self, name: str, *arguments: str | Path, **variables: str) -> Any:
        """Run tests/engines/scripts/<name>.py; return the JSON it writes to its last argument."""
        self.run("python", SCRIPTS / f"{name}.py", *arguments, **variables)
        return json.loads(Path(arguments[-1]).read_text())
