"""The loss of prepared samples in plain transformers: losses.py CHECKPOINT PREPARED OUT.json.

Means over all tokens that carry loss: `alone`, each sample goes through the model by itself;
`together`, all are one text, in which each sees those before it.
"""

import json
import sys
from pathlib import Path
from typing import Any

import torch
from datasets import load_from_disk
from transformers import AutoModelForCausalLM


def losses(model: Any, tokens: list[int], labels: list[int]) -> list[float]:
    """The cross-entropy of each token that carries loss."""
    with torch.no_grad():
        logits = model(torch.tensor([tokens])).logits[0, :-1]
    wanted = torch.tensor(labels[1:])
    found = torch.nn.functional.cross_entropy(logits, wanted, reduction="none")
    return [float(loss) for loss in found[wanted != -100]]


def main() -> None:
    model = AutoModelForCausalLM.from_pretrained(sys.argv[1], dtype=torch.float32).eval()
    rows = list(load_from_disk(sys.argv[2]))
    alone = [loss for row in rows for loss in losses(model, row["input_ids"], row["labels"])]
    tokens, labels = ([one for row in rows for one in row[key]] for key in ("input_ids", "labels"))
    together = losses(model, tokens, labels)
    assert len(alone) == len(together)
    told = {"alone": sum(alone) / len(alone), "together": sum(together) / len(together)}
    Path(sys.argv[3]).write_text(json.dumps({**told, "samples": len(rows)}))


if __name__ == "__main__":
    main()
