"""The wheel works as well as the checkout."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_the_wheel_builds_and_mixes_from_any_folder(demo: Path, tmp_path: Path) -> None:
    """Into an empty environment; its dependencies are those of this one, to spare a download."""
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "build",
            "--wheel",
            "--no-isolation",
            "-o",
            str(tmp_path),
            str(ROOT),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (wheel,) = tmp_path.glob("shopmix-*.whl")
    venv.create(tmp_path / "env", with_pip=True)
    python = tmp_path / "env" / "bin" / "python"
    subprocess.run(
        [python, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", wheel], check=True
    )
    (site,) = (tmp_path / "env" / "lib").glob("python*/site-packages")
    ours = next(path for path in sys.path if path.endswith("site-packages"))
    dependencies = [path for path in Path(ours).iterdir() if "shopmix" not in path.name]
    for path in dependencies:
        if not (site / path.name).exists():
            (site / path.name).symlink_to(path)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    environment = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "VIRTUAL_ENV")}
    for command in (
        "builders all --source demo --out out",
        "builders.mixture demo --samples out --out mixtures",
        "builders.report mixtures/demo --samples out",
        "builders.show demo --mixtures mixtures -n 1",
    ):
        done = subprocess.run(
            [python, "-m", *command.split()],
            cwd=elsewhere, env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
    for path in demo.iterdir():
        assert (elsewhere / "out" / path.name).read_bytes() == path.read_bytes()
