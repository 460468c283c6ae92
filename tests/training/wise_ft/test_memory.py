"""However large a tensor is, a merge holds some blocks of it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np

from tests.training.wise_ft.models import CONFIG, pair, write_lora

#: The peak of a process's own memory; what getrusage tells may be that of its parent.
RUN = """
import sys
from pathlib import Path
from training.wise_ft.__main__ import main

def peak():
    status = Path("/proc/self/status").read_text("ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024

before = peak()
main(sys.argv[1:])
print(peak() - before)
"""
ROWS, COLUMNS = 18_400, 8_192  # 301 MB in bf16


def test_a_tensor_that_is_larger_than_the_memory_that_it_takes(tmp_path: Path) -> None:
    name, base = "model.layers.0.mlp.up_proj", tmp_path / "base"
    base.mkdir()
    (base / "config.json").write_text(json.dumps(CONFIG))
    size = 2 * ROWS * COLUMNS
    entry = {"dtype": "BF16", "shape": [ROWS, COLUMNS], "data_offsets": [0, size]}
    text = json.dumps({f"{name}.weight": entry}).encode()
    with (base / "model.safetensors").open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        file.truncate(8 + len(text) + size)  # zeros, which take no room
    random = np.random.default_rng(0)
    tensors = pair(name, random.normal(size=(16, COLUMNS)), random.normal(size=(ROWS, 16)))
    adapter = write_lora(tmp_path / "v1", tensors, r=16, lora_alpha=16)
    given = [f"--base={base}", f"--adapter={adapter}=0.5", f"--out={tmp_path / 'out'}"]
    line = [sys.executable, "-c", RUN, *given]
    done = subprocess.run(line, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out" / "model.safetensors").stat().st_size > 300e6
    taken = int(done.stdout.splitlines()[-1])
    assert taken < 150e6, f"{taken / 1e6:.0f} MB"
