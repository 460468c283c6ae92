"""What the gate against benchmark questions finds, what it refuses wrongly, and how fast it is.

    python benchmarks/leaks.py [--questions FILE] [--samples DIR] [--size 462435] [--out FILE.json]

Questions are ShopBench's development questions where they lie beside the checkout, else those of
the tests. Innocent samples are those of DIR (default: of the demo rows).

planted: 500 questions in other spellings: other case, other blanks, other punctuation, options in
    another order, and all of it; found by the gate, and by each of its rules alone. Half of those
    with options have them in `fields` as well; the rule of options is measured on these.
reworded: questions without their instructions, in every wording of our sets that ask the same.
innocent: samples that hold no question, each once; what is refused of them is printed.
speed: all innocent samples, repeated up to --size, with the planted ones among them; next to
    splitting the same prompts into tokens, without which there is no gate.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # a checkout needs no install

import polars as pl

from benchmarks import measure
from benchmarks.measure import Clock, Found
from builders.mixture.benchmark import TABLES, Benchmark, read_benchmark, split_options, unescaped
from builders.mixture.leaks import Gate, gate
from builders.mixture.tokens import tokens
from builders.render import TEMPLATES, Wording, compiled

ROOT = Path(__file__).resolve().parent.parent
DEVELOPMENT = ROOT.parent / "shared" / "data" / "shopbench" / "development.json"
OURS = ROOT / "tests" / "mixture" / "questions.jsonl"
PACKAGES = ("polars", "numpy")
COLUMNS = ["id", "set", "messages", "fields"]
PLANTED = 500
_LISTED = pl.col("fields").str.contains('"options": ["', literal=True)
#: The tables of a benchmark that a rule looks at.
RULES: dict[str, set[str]] = {
    "same letters": {"letters"},
    "same words": {"stem_words", "option_words"},
    "options": {"options", "option_words"},
    "overlap": {"grams", "long_grams"},
}
LANGUAGE = "German|Spanish|French|Italian|Japanese"
#: Our sets that ask what development questions ask; how their fields are found in one.
REWORDED = {
    "amazon_m2.explain_product_type": r"Input: (?!a review)(?:Explain the product type )?"
    r"(?P<product_type>.+)",
    "amazon_m2.category_with_attribute": r"the attribute (?P<attribute>.+?)[?.]?\n",
    "amazon_reviews.complement_of_type": r"product type (?P<product_type>.+?)(?:\?|, which)",
    "amazon_reviews.snippets_for_aspect": r"bought a\(n\) (?P<product_type>.+) product .* a "
    r"(?P<sentiment>\w+) sentiment on the (?P<aspect>\w+) aspect",
    "amazon_reviews.also_liked": r"(?:purchased a|buy the) product '(?P<title>.+)'\.",
    "amazon_reviews.rating_of_review": r"(?s)review text for .+? product\n(?P<text>.+)\nOutput",
    "amazon_m2.title_in_locale": rf"'(?P<title>.+)' (?:ex|on|into).*?(?P<site>{LANGUAGE})",
    "amazon_m2.description_in_language": r"with description '(?P<description>.+)' ",
    "esci.rank_products_for_query": r"(?:keyword|the query) '(?P<query>.+?)'\.",
    "esci.keywords_for_product": r"Title: (?P<title>.+)\nProduct Desc.*?: (?P<description>.+)",
}


def cased(text: str, rng: Random) -> str:
    """In another case."""
    return rng.choice((str.upper, str.lower, str.title, str.swapcase))(text)


def spaced(text: str, rng: Random) -> str:
    """With other blanks and empty lines."""
    text = re.sub(" ", lambda _: rng.choice((" ", "  ", "\t", "\u00a0")), text)
    return text.replace("\n", rng.choice(("\n\n", " \n ", "\r\n")))


def punctuated(text: str, rng: Random) -> str:
    """With other punctuation, or without."""
    return re.sub(r"[^\w\s]", lambda _: rng.choice(("", " ", "-", "!")), text)


def reordered(text: str, rng: Random) -> str:
    """With its options in another order."""
    left = split_options(text)[1]
    mixed = rng.sample(left, len(left))
    lines = text.split("\n")
    for place, line in enumerate(lines):
        number = re.match(r"\s*\d+\s*[.):]\s*", line)
        if left and number and line[number.end() :] == left[0]:
            lines[place] = number[0] + mixed[-len(left)]
            left = left[1:]
    return "\n".join(lines)


def all_of_it(text: str, rng: Random) -> str:
    """Another order, case, punctuation and other blanks."""
    for change in (reordered, cased, punctuated, spaced):
        text = change(text, rng)
    return text


CHANGES = (cased, spaced, punctuated, reordered, all_of_it)


def sample(place: int, made: str, prompt: str, fields: dict[str, Any]) -> dict[str, Any]:
    """What the gate reads of a sample."""
    messages = [{"role": role, "content": prompt} for role in ("system", "user", "assistant")]
    said = json.dumps(fields, ensure_ascii=False)
    return {"id": f"{made} {place}", "set": made, "messages": messages, "fields": said}


def planted(texts: Sequence[str]) -> pl.DataFrame:
    """Questions in other spellings, with the column `question`; `set` is the change."""
    rows: list[dict[str, Any]] = []
    for place in range(PLANTED):
        question, change = place % len(texts), CHANGES[place * len(CHANGES) // PLANTED]
        rng = Random(place)
        options = [change(one, rng) for one in split_options(texts[question])[1]]
        fields = {"options": rng.sample(options, len(options))} if options and place % 2 else {}
        one = sample(place, change.__name__, change(texts[question], rng), fields)
        rows.append({**one, "question": question})
    return pl.DataFrame(rows)


def reworded(texts: Sequence[str]) -> pl.DataFrame:
    """Questions in our wordings, with the column `question`."""
    rows: list[dict[str, Any]] = []
    for question, text in enumerate(texts):
        stem, options = split_options(text)
        for made, pattern in REWORDED.items():
            if (found := re.search(pattern, stem)) is None:
                continue
            fields = {"value": "6", "title": None, "options": options, **found.groupdict()}
            for file in sorted(TEMPLATES.joinpath(*made.split(".")).glob("*.j2")):
                wording = Wording(file.name, file.read_text("utf-8"))
                prompt = compiled(wording)(fields)
                rows.append({**sample(len(rows), made, prompt, fields), "question": question})
    return pl.DataFrame(rows)


def alone(found: Benchmark, rule: str) -> Benchmark:
    """A benchmark of which one rule alone sees something."""
    others: dict[str, Any] = {
        name: found.table(name).clear() for name in TABLES if name not in RULES[rule]
    }
    return replace(found, **others)


def wordings() -> list[str]:
    """All of ours."""
    return [file.read_text("utf-8") for file in sorted(TEMPLATES.rglob("*.j2"))]


def recall(made: Gate, samples: pl.DataFrame) -> Iterator[tuple[str, int, int]]:
    """For each set of samples that hold a question: name, how many are found, of how many."""
    hits = made.hits(samples.select(COLUMNS))["row"]
    found = samples.with_row_index().with_columns(hit=pl.col("index").is_in(hits.implode()))
    counts = found.group_by("set", maintain_order=True).agg(pl.col("hit").sum(), pl.len())
    yield from counts.iter_rows()


def main() -> None:
    """Measure, print the table, write the JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    default = DEVELOPMENT if DEVELOPMENT.exists() else OURS
    parser.add_argument("--questions", type=Path, default=default)
    parser.add_argument("--samples", type=Path, default=ROOT / "data" / "demo")
    parser.add_argument("--size", type=int, default=462_435)
    parser.add_argument("--out", type=Path, help="JSON file for the results")
    given = parser.parse_args()
    asked = read_benchmark(given.questions)
    texts = list(unescaped(pl.Series(asked.texts)))
    ours, plants, again = wordings(), planted(texts), reworded(texts)
    gates = {"all rules": gate([asked], ours)}
    gates |= {rule: gate([alone(asked, rule)], ours) for rule in RULES}
    results: Found = measure.about(given.questions.name, PACKAGES)
    told = measure.table(results, "found", "of", "share")
    for kind, samples in (("planted", plants), ("reworded", again)):
        for rule, made in gates.items() if len(samples) else ():
            able = samples.filter(_LISTED) if rule == "options" else samples
            for name, hits, count in recall(made, able):
                results.setdefault(kind, {}).setdefault(rule, {})[name] = [hits, count]
    for kind in ("planted", "reworded"):
        for rule, counts in results.get(kind, {}).items():
            all_of = [sum(column) for column in zip(*counts.values(), strict=True)]
            rows = {"": all_of} | (counts if rule == "all rules" else {})
            for name, (hits, count) in rows.items():
                cells = (f"{hits}", f"{count}", f"{hits / count:.1%}")
                told.add_row(f"  {name}" if name else f"{kind}, {rule}", *cells)
    files = sorted(given.samples.glob("*.parquet"))
    innocent = pl.concat([pl.read_parquet(file, columns=COLUMNS) for file in files])
    wrong = gates["all rules"].hits(innocent)
    for one in wrong.iter_rows(named=True):
        print(json.dumps(one, ensure_ascii=False))
    share = f"{len(wrong) / len(innocent):.3%}"
    told.add_row("innocent, all rules", f"{len(wrong)}", f"{len(innocent):,}", share)
    measured = speed(gates["all rules"], innocent, plants.select(COLUMNS), given.size)
    for name, (seconds, note) in measured.items():
        told.add_row(f"speed, {name}", f"{seconds:.1f} s", f"{given.size:,}", "", note)
    measure.show(told)
    counts = {"innocent": [len(wrong), len(innocent)], "speed": measured}
    measure.write(results | counts, given.out)


def speed(
    made: Gate, innocent: pl.DataFrame, plants: pl.DataFrame, size: int
) -> dict[str, tuple[float, str]]:
    """Seconds of the gate and of the tokens alone."""
    samples = pl.concat([innocent] * (size // len(innocent) + 1)).head(size - len(plants))
    samples = pl.concat([plants, samples]).sample(fraction=1, shuffle=True, seed=0)
    prompts = samples["messages"].list.get(1).struct.field("content")
    clock = Clock()
    for at in range(0, size, 32_768):  # as many at once as memory should hold
        tokens(prompts.slice(at, 32_768))
    split, clock = clock.read(), Clock()
    hits = made.hits(samples)
    whole = clock.read()
    chars = prompts.str.len_chars().sum() // size
    said = f"{len(hits)} refused, prompts of {chars:,} characters, {whole['peak_rss_gb']:.2f} GB"
    return {
        name: (used["seconds"], f"CPU {used['cpu_seconds']:.1f} s, others {more}")
        for name, used, more in (
            ("tokens alone", split, f"{split['other_cores']:.1f} cores"),
            ("gate", whole, f"{whole['other_cores']:.1f} cores; {said}"),
        )
    }


if __name__ == "__main__":
    main()
