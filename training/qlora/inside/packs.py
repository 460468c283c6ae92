"""How many packs axolotl makes of samples: packs.py ASKED.json ANSWER.json

Runs in axolotl's environment and imports nothing of ours. Asked: `lengths` of the samples, none
above `tokens`, the room of a pack; and the `seed` of the order that they are drawn in. It is
axolotl's own sampler, with what its configuration has where nothing is said, as a run's. Answered:
`packs` and `efficiency`, the share of their room that is taken.
"""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from axolotl.utils.datasets import get_default_process_count
from axolotl.utils.samplers.multipack import MultipackBatchSampler
from axolotl.utils.schemas.config import AxolotlInputConfig
from torch.utils.data import RandomSampler


def _default(key: str) -> Any:
    return AxolotlInputConfig.model_fields[key].default


def main() -> None:
    """Pack once: a run packs several orders, and takes the fewest."""
    asked = json.loads(Path(sys.argv[1]).read_text("utf-8"))
    torch.manual_seed(asked["seed"])
    sampler = MultipackBatchSampler(
        RandomSampler(range(len(asked["lengths"]))),
        batch_size=1,
        batch_max_len=asked["tokens"],
        lengths=np.array(asked["lengths"]),
        group_size=_default("sample_packing_group_size"),
        bin_size=_default("sample_packing_bin_size"),
        sequential=_default("sample_packing_sequentially"),
        drop_last=True,
        num_processes=get_default_process_count(),
    )
    packs = len(sampler.generate_batches(set_stats=True))
    answer = {"packs": packs, "efficiency": sampler.efficiency()}
    Path(sys.argv[2]).write_text(json.dumps(answer), "utf-8")


if __name__ == "__main__":
    main()
