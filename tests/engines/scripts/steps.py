"""Prepare a data set as `axolotl train` does: steps.py CONFIG OUT.json.

`lengths` of the samples that are left, in tokens, and the `steps` that a run would take.
"""

import json
import sys
from pathlib import Path

from axolotl.cli.config import load_cfg
from axolotl.common.datasets import load_datasets


def main() -> None:
    prepared = load_datasets(cfg=load_cfg(sys.argv[1]))
    lengths = [len(row["input_ids"]) for row in prepared.train_dataset]
    Path(sys.argv[2]).write_text(
        json.dumps({"lengths": lengths, "steps": prepared.total_num_steps})
    )


if __name__ == "__main__":
    main()
