"""What PEFT makes of adapters, and the logits of what we made: merge_peft.py CASES.json OUT.json.

A case is a base and adapters with weights, and names of paths: `float64` and `float32`, where the
weights go that PEFT merges in these (the latter rounded to bf16 then); `merged`, our merged model;
`saved`, adapters that we wrote, by their names. OUT: for each case, logits in float32 of the base
alone, of the base and the adapters, and of each of ours by its name.
"""

import json
import sys
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel
from safetensors.torch import save_file
from transformers import Qwen2ForCausalLM


def load(folder: str, dtype: Any = torch.float32) -> Any:
    return Qwen2ForCausalLM.from_pretrained(folder, dtype=dtype).eval()


def adapted(base: Any, adapters: list[tuple[str, float]]) -> Any:
    """The base with all adapters in one, by concatenated ranks; or with the only one as it is."""
    first, *others = (folder for folder, _ in adapters)
    made = PeftModel.from_pretrained(base, first, adapter_name="0")
    if adapters[1:] or adapters[0][1] != 1:
        for i, other in enumerate(others):
            made.load_adapter(other, adapter_name=str(i + 1))
        names = [str(i) for i in range(len(adapters))]
        weights = [weight for _, weight in adapters]
        made.add_weighted_adapter(names, weights, "all", combination_type="cat")
        made.set_adapter("all")
    return made.eval()


def logits(model: Any) -> list[float]:
    tokens = torch.arange(0, 1000, 91)[None]
    with torch.no_grad():
        found: list[float] = model(tokens).logits.flatten().tolist()
    return found


def merge(case: dict[str, Any], dtype: Any) -> dict[str, Any]:
    """The merged weights. Head and embedding are two: where they are one, PEFT would add the change
    of the head to the embedding as well."""
    base = load(case["base"], dtype)
    base.lm_head.weight = torch.nn.Parameter(base.lm_head.weight.clone())
    base.config.tie_word_embeddings = False
    merged = adapted(base, case["adapters"]).merge_and_unload()
    return {name: values.clone() for name, values in merged.state_dict().items()}


def main() -> None:
    cases, told = json.loads(Path(sys.argv[1]).read_text()), {}
    for name, case in cases.items():
        found = {"base": logits(load(case["base"]))}
        found["adapters"] = logits(adapted(load(case["base"]), case["adapters"]))
        for path, dtype in (("float64", torch.float64), ("float32", torch.float32)):
            tensors = merge(case, dtype)
            if dtype == torch.float32:
                tensors = {name: values.to(torch.bfloat16) for name, values in tensors.items()}
            Path(case[path]).mkdir()
            save_file(tensors, str(Path(case[path], "model.safetensors")))
        found["merged"] = logits(load(case["merged"]))
        for kind, folder in case["saved"].items():
            found[kind] = logits(adapted(load(case["base"]), [(folder, 1.0)]))
        told[name] = found
    Path(sys.argv[2]).write_text(json.dumps(told))


if __name__ == "__main__":
    main()
