"""Quantise a checkpoint to 4 bits with AutoAWQ: quantise.py CHECKPOINT ROWS.json FOLDER OUT.json.

The calibration texts are the samples' prompts. AutoAWQ leaves out, without a word, texts longer
than its maximum, texts beyond its number, and the last block of tokens if it is not full. Written
is how many tokens there are, how many it uses, and how many make a block.
"""

import json
import sys
from pathlib import Path

from awq import AutoAWQForCausalLM
from awq.utils.calib_data import get_calib_dataset
from transformers import AutoTokenizer

CONFIG = {"zero_point": True, "q_group_size": 128, "w_bit": 4, "version": "GEMM"}


def main() -> None:
    checkpoint, rows_file, folder, out = sys.argv[1:]
    rows = json.loads(Path(rows_file).read_text())
    tokenizer = AutoTokenizer.from_pretrained(checkpoint)
    prompts = [
        tokenizer.apply_chat_template(
            row["messages"][:-1], tokenize=False, add_generation_prompt=True
        ).strip()  # as AutoAWQ does
        for row in rows
    ]
    lengths = [len(tokenizer.encode(prompt)) for prompt in prompts]
    model = AutoAWQForCausalLM.from_pretrained(checkpoint, device_map="cpu")
    model.quantize(
        tokenizer,
        quant_config=CONFIG,
        calib_data=prompts,
        max_calib_samples=len(prompts),
        max_calib_seq_len=max(lengths),
    )
    model.save_quantized(folder)
    tokenizer.save_pretrained(folder)
    blocks = get_calib_dataset(prompts, tokenizer, len(prompts), max(lengths))
    written = {
        "tokens": sum(lengths),
        "used": sum(block.numel() for block in blocks),
        "block": max(lengths),
    }
    Path(out).write_text(json.dumps(written))


if __name__ == "__main__":
    main()
