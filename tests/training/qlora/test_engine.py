"""How axolotl is found and run: a small program stands at its place."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from builders.errors import ShopmixError
from training.qlora import engine
from training.qlora.engine import Axolotl

#: Says a word, and whatever it is interrupted by; that also to a file beside it.
PATIENT = """
import pathlib, signal, sys, time
def stop(number, frame):
    print("stopped by", signal.Signals(number).name)
    pathlib.Path(__file__).with_name("stopped").write_text(signal.Signals(number).name)
    sys.exit(0)
signal.signal(signal.SIGINT, stop)
signal.signal(signal.SIGTERM, stop)
print("ready")
time.sleep(60)
"""


def axolotl(folder: Path, program: str) -> Axolotl:
    """An environment whose axolotl is this Python program."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "axolotl"
    file.write_text(f"#!{sys.executable}\n{program}", "utf-8")
    file.chmod(0o755)
    return Axolotl(folder)


@pytest.mark.usefixtures("desk")
def test_beside_this_interpreter_then_on_path_then_in_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    places = [tmp_path / "bin", tmp_path / "path", tmp_path / ".venv-train" / "bin"]
    monkeypatch.setenv("PATH", f"{places[1]}:/usr/bin:/bin")
    every = [axolotl(place, "") for place in places]
    for one in every:
        assert engine.find() == one
        (one.bin / "axolotl").unlink()
    with pytest.raises(ShopmixError, match="axolotl is not here: make env-train"):
        engine.find()


def run(there: Axolotl, log: Path, *arguments: str) -> None:
    with (log.parent / "lock").open("w") as lock:
        there.run(arguments, log, lock.fileno())


def test_what_it_says_goes_to_the_log_as_well(
    tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    there = axolotl(
        tmp_path / "bin", "import sys; print(sys.argv[1:]); print('oh', file=sys.stderr)"
    )
    run(there, tmp_path / "train.log", "train", "x.yaml")
    assert (tmp_path / "train.log").read_bytes() == b"['train', 'x.yaml']\noh\n"
    assert capfdbinary.readouterr().out.endswith(b"['train', 'x.yaml']\noh\n")
    run(there, tmp_path / "train.log", "again")
    assert (tmp_path / "train.log").read_bytes().endswith(b"oh\n['again']\noh\n")


def test_a_failure_is_told_with_its_last_lines(tmp_path: Path) -> None:
    program = "print('\\n'.join(f'line {n}' for n in range(50))); raise SystemExit(3)"
    with pytest.raises(ShopmixError, match=r"axolotl train failed with exit code 3") as error:
        run(axolotl(tmp_path / "bin", program), tmp_path / "train.log", "train")
    said = str(error.value).splitlines()
    assert str(tmp_path / "train.log") in said[0]
    assert said[1:] == [f"line {n}" for n in range(35, 50)]


def test_a_full_disk_stops_it(tmp_path: Path) -> None:
    there = axolotl(tmp_path / "bin", PATIENT)
    with (
        pytest.raises(OSError, match="No space left") as error,
        (tmp_path / "lock").open("w") as lock,
    ):
        there.run(["train"], Path("/dev/full"), lock.fileno())
    assert error.value.filename == "/dev/full"
    assert (tmp_path / "bin" / "stopped").read_text() == "SIGTERM"


@pytest.mark.parametrize(
    ("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 128 + signal.SIGTERM)]
)
def test_an_interrupt_is_passed_on(tmp_path: Path, sent: signal.Signals, code: int) -> None:
    axolotl(tmp_path / "bin", PATIENT)
    program = (
        "from builders.cli import run\nfrom pathlib import Path\n"
        "from training.qlora.engine import Axolotl\n"
        f"here = Path({str(tmp_path)!r})\n"
        "def command():\n"
        "    with (here / 'lock').open('w') as lock:\n"
        "        Axolotl(here / 'bin').run(['train'], here / 'train.log', lock.fileno())\n"
        "run(command)\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as child:
        assert child.stdout
        assert child.stdout.readline() == b"ready\n"
        child.send_signal(sent)
        assert child.stdout.read() == f"stopped by {sent.name}\n".encode()
    assert child.returncode == code
