"""Synthetic rows of ECInstruct, MMLU and Alpaca at their published sizes, for measuring speed.

Copies of the demo rows in which words are exchanged for others of the demo rows: the nth word of
the vocabulary for the one so many places after it, in question, options and answer alike. So each
row is another one, still English, and as sound as the row that it was made from. Short rows are
filled up to about the published bytes. The same arguments give the same rows.
"""

import argparse
import csv
import io
import json
import re
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # a checkout needs no install

import numpy as np
import pyarrow as pa

from benchmarks.speech import Array, data
from builders.language import FUNCTION_WORDS
from builders.source import HERE

SIZES = {"ecinstruct": 184_044, "mmlu": 115_700, "alpaca": 51_760}
DEMO = HERE / "demo"
TASKS = 92_022  # inputs of split train; 10,000 of a task, one has fewer
MATCHING, FEW = "Product_Matching", 2_022
HELD_OUT = {"val": ["IND_Diverse_Instruction"], "test": [
    f"IND_{kind}" for kind in ("Diverse_Instruction", "Single_Instruction", "Unseen_Instruction",
                               "Diverse_Instruction_1-shot")]}  # fmt: skip
BYTES = 2_700  # of a row of ECInstruct
PASSAGE = 1_300  # characters before a question of MMLU's auxiliary questions
SPLITS = {"auxiliary_train": 99_842, "test": 14_042, "val": 1_531, "dev": 285}
SUBJECTS = 57
TOKEN = re.compile(r"\\+.|[A-Za-z]+|[^A-Za-z\\]+", re.DOTALL)
SHORTEST = 4  # letters of a word that is exchanged
Row = dict[str, Any]


class Copies:
    """Texts with words exchanged."""

    def __init__(self, texts: Sequence[str], kept: set[str]) -> None:
        kept = kept.union(*FUNCTION_WORDS.values())
        said = {one for text in texts for one in TOKEN.findall(text) if len(one) >= SHORTEST}
        words = sorted({one.lower() for one in said if one.isalpha()} - kept)
        while any(len(words) % n == 0 for n in range(2, int(len(words) ** 0.5) + 1)):
            words.pop()  # of a prime number, any multiple takes each to another
        self._count = len(words)
        shapes = [words, [one.title() for one in words], [one.upper() for one in words]]
        self._words = [one for shape in shapes for one in shape]
        self._index = {one: at for at, one in enumerate(self._words)}

    def lines(self, texts: Sequence[str], count: int, first: int = 0) -> Iterator[memoryview]:
        """The bytes of `count` texts: copy `first` of each, and the copies after it."""
        table = dict(self._index)
        ids = [[table.setdefault(t, len(table)) for t in TOKEN.findall(text)] for text in texts]
        flat, ends = np.concatenate(ids), np.cumsum([len(one) for one in ids])
        pieces = pa.array(list(table), pa.string())
        word = flat < len(self._words)
        shape, place = flat // self._count * self._count, flat % self._count
        for at in range(0, count, len(texts)):
            end = ends[min(count - at, len(texts)) - 1]
            times, beyond = divmod(first + at // len(texts), self._count)
            moved = shape + (place * (times + 1) + beyond) % self._count
            yield self._bytes(pieces, np.where(word, moved, flat)[:end])

    @staticmethod
    def _bytes(pieces: pa.Array, ids: Array) -> memoryview:
        return data(pieces.take(pa.array(ids)))


def _json(rows: Sequence[Row]) -> list[str]:
    return [json.dumps(row, ensure_ascii=False) + ",\n" for row in rows]


def _array(out: Path, parts: Iterator[memoryview]) -> None:
    """One array of objects."""
    with out.open("wb") as sink:
        sink.write(b"[\n")
        for part in parts:
            sink.write(part)
        sink.seek(-2, io.SEEK_CUR)  # the last comma
        sink.write(b"\n]\n")


def _ecinstruct(out: Path, count: int, copies: Copies, demo: list[Row]) -> None:
    """The inputs of split train once, some again in another setting; the others in each."""
    train, made, first = round(TASKS / SIZES["ecinstruct"] * count), [], 0
    by_task: dict[str, dict[str, Row]] = {}
    for row in demo:
        by_task.setdefault(row["task"], {}).setdefault(row["input"], row)

    def part(task: str, split: str, setting: str, of: int, first: int) -> Iterator[memoryview]:
        rows = [{**row, "split": split, "setting": setting} for row in by_task[task].values()]
        return copies.lines(_json([_filled(row) for row in rows]), of, first)

    for task, rows in by_task.items():
        share = (FEW if task == MATCHING else 10_000) / TASKS
        own, held = round(share * train), round(share * train / 10)
        made.append(part(task, "train", "IND_Diverse_Instruction", own, 0))
        first = own // len(rows) + 1
        for split, settings in HELD_OUT.items():
            made += [part(task, split, setting, held, first) for setting in settings]
            first += held // len(rows) + 1
        again = round(own * (count / train - 1 - 0.1 * (1 + len(HELD_OUT["test"]))))
        made.append(part(task, "train", "IND_Single_Instruction", again, 0))
    _array(out / "dataset.json", (lines for one in made for lines in one))


def _filled(row: Row) -> Row:
    """As long as a published row: the rest stands in a column that no set reads."""
    beside = BYTES - len(json.dumps(row, ensure_ascii=False))
    return {**row, "few_shot_example": "0123456789 " * max(0, beside // 11)}


def _mmlu(out: Path, count: int, copies: Copies, demo: list[list[str]], passage: str) -> None:
    """Questions of all demo files in each split, those of auxiliary_train after a passage."""
    first = 0
    for split, published in SPLITS.items():
        of = round(published / SIZES["mmlu"] * count)
        begin = f"{passage} " if split == "auxiliary_train" else ""
        lines = []
        for question, *rest in demo:
            line = io.StringIO()
            csv.writer(line, lineterminator="\n").writerow([begin + question, *rest])
            lines.append(line.getvalue())
        subjects = 1 if begin else max(1, min(SUBJECTS, of))
        for subject in range(subjects):
            own = of * (subject + 1) // subjects - of * subject // subjects
            file = out / split / f"subject_{subject}{f'_{split}' * (not begin)}.csv"
            file.parent.mkdir(exist_ok=True)
            with file.open("wb") as sink:
                sink.writelines(copies.lines(lines, own, first))
            first += own // len(lines) + 1


def generate(out: Path, ecinstruct: int, mmlu: int, alpaca: int) -> None:
    """Write the three sources into a folder, each into one of its name."""
    began = time.perf_counter()
    tasks = json.loads((DEMO / "ecinstruct" / "dataset.json").read_text("utf-8"))
    tasks = [row for row in tasks if row["input"] and row["output"]]
    instructions = json.loads((DEMO / "alpaca" / "alpaca_data_cleaned.json").read_text("utf-8"))
    questions = []
    for file in sorted((DEMO / "mmlu").glob("*/*.csv")):
        with file.open(encoding="utf-8", newline="") as opened:
            questions += list(csv.reader(opened))
    passage = " ".join(row["output"].partition("\n")[0] for row in instructions)[:PASSAGE]
    for row, other in zip(instructions, instructions[1:] + instructions[:1], strict=True):
        row["said"] = f"{row['output']}\n\n{other['output']}"
    instructions = [{**row, "output": row.pop("said")} for row in instructions]
    whole = [*_json(tasks), *_json(instructions), *(" ".join(row) for row in questions)]
    copies = Copies(whole, _kept(tasks))
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".recipe_rows-", dir=out) as temp:
        at = {name: Path(temp, name) for name in SIZES}
        for folder in at.values():
            folder.mkdir()
        _ecinstruct(at["ecinstruct"], ecinstruct, copies, tasks)
        print(f"{time.perf_counter() - began:6.1f} s: ecinstruct", flush=True)
        _mmlu(at["mmlu"], mmlu, copies, questions, passage)
        file = at["alpaca"] / "alpaca_data_cleaned.json"
        _array(file, copies.lines(_json(instructions), alpaca))
        print(f"{time.perf_counter() - began:6.1f} s: mmlu and alpaca", flush=True)
        for name, folder in at.items():
            folder.replace(out / name)


def _kept(tasks: list[Row]) -> set[str]:
    """Words that mean something in the formats: names of fields, of tasks, of answers."""
    texts = [" ".join([*row, row["task"], row["setting"], row["instruction"]]) for row in tasks]
    texts += [key for row in tasks for key in re.findall(r'"([^"]+)":', row["input"])]
    texts += [row["output"] for row in tasks if row["task"] == "Sentiment_Analysis"]
    texts += [row["options"] or "" for row in tasks if row["task"] != "Sequential_Recommendation"]
    texts += re.findall(r'"(?:attribute|source)": "([^"]+)"', " ".join(r["output"] for r in tasks))
    texts += ["attribute value source None null noinput train val test"]
    return {one.lower() for text in texts for one in TOKEN.findall(text)}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    for option, value in SIZES.items():
        parser.add_argument(f"--{option}", type=int, default=value)
    generate(**vars(parser.parse_args()))
