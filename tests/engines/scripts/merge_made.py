"""Write Qwen2 models and adapters of them, by PEFT: merge_made.py ASKED.json FOLDER CASES.json.

ASKED: for each case, adapters as weight and LoraConfig. They are not trained but random, so that
all of their numbers count. CASES: for each case its base, and its adapters as folder and weight.
"""

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, get_peft_model
from transformers import Qwen2Config, Qwen2ForCausalLM


def model(tied: bool) -> Any:
    """A random Qwen2 in bf16, wide enough (0.1) that its layers decide what comes out."""
    torch.manual_seed(0)
    config = Qwen2Config(
        vocab_size=1024,
        hidden_size=256,
        intermediate_size=512,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        initializer_range=0.1,
        tie_word_embeddings=tied,
    )
    made = Qwen2ForCausalLM(config)
    randomise((p for name, p in made.named_parameters() if name.endswith("bias")), 0.1)
    return made.to(torch.bfloat16)


def randomise(parameters: Iterable[Any], width: float) -> None:
    """Add random numbers."""
    for parameter in parameters:
        parameter.data += width * torch.randn_like(parameter)


def main() -> None:
    asked, folder, out = map(Path, sys.argv[1:])
    for tied in (False, True):
        model(tied).save_pretrained(folder / f"base-{tied}", max_shard_size="3MB")
    cases = {}
    for case, adapters in json.loads(asked.read_text()).items():
        base = folder / f"base-{case == 'tied'}"
        parts = []
        for i, (weight, config) in enumerate(adapters):
            adapted = get_peft_model(
                Qwen2ForCausalLM.from_pretrained(base), LoraConfig(task_type="CAUSAL_LM", **config)
            )
            torch.manual_seed(i + 1)
            trained = [p for p in adapted.parameters() if p.requires_grad]
            randomise(trained, 0.01)
            name = folder / case.replace(" ", "-") / f"adapter-{i}"
            adapted.save_pretrained(name)
            parts.append([str(name), weight])
        cases[case] = {"base": str(base), "adapters": parts}
    out.write_text(json.dumps(cases))


if __name__ == "__main__":
    main()
