"""Decode what axolotl prepared: prepared.py FOLDER TOKENIZER OUT.json.

For every row: `text`, all its tokens, and `learned`, those whose label counts in the loss.
"""

import json
import sys
from pathlib import Path

from datasets import load_from_disk
from transformers import AutoTokenizer


def main() -> None:
    folder, checkpoint, out = map(Path, sys.argv[1:])
    (prepared,) = (path.parent for path in folder.rglob("dataset_info.json"))
    tokenizer = AutoTokenizer.from_pretrained(checkpoint)
    rows = []
    for row in load_from_disk(str(prepared)):
        for token, label in zip(row["input_ids"], row["labels"], strict=True):
            assert label in (-100, token), "a label is the token itself, or left out"
        learned = [label for label in row["labels"] if label != -100]
        rows.append(
            {"text": tokenizer.decode(row["input_ids"]), "learned": tokenizer.decode(learned)}
        )
    out.write_text(json.dumps(rows))


if __name__ == "__main__":
    main()
