"""Synthetic rows in the layout and at the size of Amazon-M2, for measuring speed.

Products and sessions have topics. A product that stands in several locales has one brand, model
and measure in all of them, and its titles name the same things. The same arguments give the same
rows.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # a checkout needs no install

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
from numpy.random import Generator as Rng

from benchmarks.speech import Array, Speech, codes, data, join, pick, some, zipf
from benchmarks.words import COLOURS, SHOP, invent

SIZES = {"products": 1_400_000, "sessions": 3_600_000, "seed": 0}
LANGUAGES = {"DE": "de", "JP": "ja", "UK": "en", "ES": "es", "FR": "fr", "IT": "it"}
PRODUCTS = np.array([518_327, 395_009, 500_180, 42_503, 44_577, 50_461])  # rows, as published
SESSIONS = np.array([1_110_000, 980_000, 1_180_000, 90_000, 120_000, 130_000])
CURRENCY = {"JP": 150.0, "UK": 0.86}  # of a euro
ABROAD, TOPICS, CHUNK, MISSING = 0.18, 2000, 60_000, 40000000.07
OPENERS = ("【{w}】", "• {c} ", "✔ {c} ", "- {c} ", "★{c}: ")
ENTITIES = ("&amp; ", "&quot; ", "&#39; ", "&lt;br&gt; ", "&nbsp;")
UNITS = "ml cm W mm g kg V L mAh m GB Hz".split()
NUMBERS = [*range(2, 40), *range(40, 100, 5), *range(100, 1000, 25), *range(1000, 9000, 500)]
FACTS = "topic seed brand measure pack hue book shown price".split()
COLUMNS = "id locale title price brand color size model material author desc".split()
DIGITS, LETTERS = "0123456789", "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
WOOD, PIECES = SHOP["en"].split().index("wood"), SHOP["en"].split().index("pieces")


def _stands(rng: Rng, products: int) -> list[Array]:
    """Which products stand in each locale, in the order of the rows."""
    shares, abroad = PRODUCTS / PRODUCTS.sum(), np.arange(round(ABROAD * products))
    ranked = np.argsort(-np.log(shares) - rng.gumbel(size=(len(abroad), len(shares))), 1)
    count = 2 + (rng.random(len(abroad)) < 0.08)
    locale = ranked[np.arange(len(shares)) < count[:, None]]
    product, home = np.repeat(abroad, count), rng.permutation(np.arange(len(abroad), products))
    rows = shares * (len(home) + len(product))
    left = (rows - np.bincount(locale, minlength=len(shares))).clip(0)
    ends = np.rint(np.cumsum(left) / left.sum() * len(home)).astype(np.int64)
    parts = np.split(home, ends[:-1])
    return [rng.permutation(np.append(p, product[locale == n])) for n, p in enumerate(parts)]


def _facts(rng: Rng, products: int, topics: int) -> dict[str, Any]:
    """What is true of a product in all locales."""
    popular, book = rng.lognormal(0, 0.7, topics), rng.random(products) < 0.03
    number = rng.permutation(np.unique(rng.integers(0, 36**8, 2 * products)))[:products]
    asin = codes(number, DIGITS + LETTERS, 8, "B0")
    isbn = codes(3 * 10**9 + np.arange(products) * 4357 % 10**9, DIGITS, 10)
    letters, digits = (number // 7, LETTERS, 2), (number // 11 % 10**4, DIGITS, 4)
    model = join(codes(*letters), codes(*digits), between="-")
    known = zipf(rng, products // 30 + 9, topics * 40, 0.7).reshape(topics, 40)  # brands
    topic = rng.choice(topics, products, p=popular / popular.sum())
    return {
        "id": pc.if_else(pa.array(book), isbn, asin), "topic": topic, "book": book,
        "seed": rng.integers(0, 1 << 31, products), "model": model,
        "brand": known[topic, zipf(rng, 40, products, 1.0)],
        "measure": rng.integers(0, len(NUMBERS) * len(UNITS), products),
        "pack": zipf(rng, 24, products, 1.3), "hue": zipf(rng, 12, products, 0.9),
        "price": rng.lognormal(3.0, 0.9, products),
        "shown": rng.random((products, 5)) < [0.8, 0.6, 0.85, 0.3, 0.4],
    }  # fmt: skip


def _descs(rng: Rng, speech: Speech, topic: Array, seed: Array) -> pa.Array:
    """A text or a list of bullet points, some with an entity."""
    count, middle = len(topic), 4.44 if speech.ja else 5.12
    opener = np.where(rng.random(count) < 0.7, rng.integers(0, len(OPENERS), count), -1)
    chars = rng.lognormal(middle, 0.6, count).clip(125, 525)
    ids, ends = speech.body(topic, seed, chars, opener=opener)
    marked = np.flatnonzero(rng.random(count) < 0.04)
    ids[ends[marked] - 4] = speech.extra + rng.integers(0, len(ENTITIES), len(marked))
    return speech.text(ids, ends)


def _products(
    rng: Rng, locale: str, facts: dict[str, Any], mine: Array, brands: list[str]
) -> Iterator[pl.DataFrame]:
    """The rows of a locale, at most CHUNK at a time."""
    language, yen = LANGUAGES[locale], locale == "JP"
    speech = Speech(rng, language, int(facts["topic"].max()) + 1, OPENERS, ENTITIES)
    shop, colours = SHOP[language].split(), COLOURS[language].split()
    measures = [f"{number} {unit}" for number in NUMBERS for unit in UNITS]
    packs = [f"{count} {shop[PIECES]}" for count in range(1, 25)]
    for rows in (mine[at : at + CHUNK] for at in range(0, len(mine), CHUNK)):
        one, size, everything = {x: facts[x][rows] for x in FACTS}, len(rows), np.arange(len(rows))
        topic, seed, brand, hue, book = (one[x] for x in ("topic", "seed", "brand", "hue", "book"))
        measure, pack, shown = one["measure"], one["pack"], one["shown"].T
        words = np.rint(rng.normal(13.5 if yen else 11.5, 4, size)).astype(np.int64)
        title = [
            some(rng, brands, brand, shown[0]),
            speech.titles(topic, seed, words.clip(4)),
            some(rng, facts["model"], rows, shown[1]),
            some(rng, measures, measure, shown[2]),
            some(rng, packs, pack, shown[3]),
            some(rng, colours, hue, shown[4]),
        ]
        about = [pick(brands, brand), some(rng, facts["model"], rows, 0.7 * shown[1])]
        about = [some(rng, join(*about, between=" "), everything, 0.4)]
        about.append(_descs(rng, speech, topic, seed))
        price = one["price"] * CURRENCY.get(locale, 1.0) * rng.uniform(0.9, 1.1, size)
        price = np.round(price, 0 if yen else 2).clip(49 if yen else 0.49)
        author = join(pick(brands, seed % 997 % len(brands)), pick(brands, brand), between=", ")
        cells = [
            facts["id"].take(pa.array(rows)),
            pa.repeat(locale, size),
            join(*title, between=" "),
            np.where(rng.random(size) < 0.03, MISSING, price),
            some(rng, brands, brand, 0.99),
            some(rng, colours, hue, 0.75 * ~book),
            pc.coalesce(some(rng, measures, measure, 0.4 * ~book), some(rng, packs, pack, 0.3)),
            some(rng, facts["model"], rows, np.maximum(shown[1], 0.3)),
            some(rng, shop[WOOD : WOOD + 6], seed % 6, 0.5 * ~book),
            some(rng, author, everything, 0.9 * book),
            some(rng, join(*about, between=": "), everything, 0.7),
        ]
        yield pl.DataFrame(pa.table(cells, names=COLUMNS))


def _sessions(
    rng: Rng, locale: str, ids: pa.Array, topic: Array, mine: Array, count: int
) -> Iterator[memoryview]:
    """The lines of a locale's sessions, at most CHUNK at a time."""
    mine = mine[np.argsort(topic[mine], kind="stable")]
    group = topic[mine]
    first, size = np.searchsorted(group, group), np.bincount(group)[group]
    names, rows = ids.take(pa.array(mine)), len(mine)
    tokens = [join(start, names, "'") for start in ("['", "\"['", " '", "\n '")]
    tokens += [join(start, names, f",{locale}\n") for start in ("],", ']",')]
    table = pa.concat_arrays(tokens)
    for sessions in (min(CHUNK, count - at) for at in range(0, count, CHUNK)):
        long = rng.random(sessions) < 0.06
        length = 1 + rng.geometric(np.where(long, 0.12, 0.39)).clip(1, 40)
        ends = np.cumsum(length + 1)
        start, total = ends - length - 1, int(ends[-1])
        place = np.arange(total) - np.repeat(start, length + 1)
        fresh = (rng.random(total) > 0.16) | (place == 0)
        fresh[ends - 1] = True  # the next item is never one of those before
        nth = np.cumsum(fresh)
        nth -= np.repeat(nth[start], length + 1)
        item = np.where(fresh, nth, (rng.random(total) * (nth + 1)).astype(np.int64))
        anchor = rng.integers(0, rows, sessions)
        room, stride = size[anchor], rng.integers(1, 4, sessions)
        begin = (room * rng.random(sessions) ** 4).astype(np.int64)
        room = np.where(nth[ends - 1] * stride < room, room, rows)  # a narrow topic: go beyond
        seat = np.repeat(begin, length + 1) + item * np.repeat(stride, length + 1)
        seat = (seat % np.repeat(room, length + 1) + np.repeat(first[anchor], length + 1)) % rows
        kind = np.where(place % 5 == 0, 3, 2)
        kind[start], kind[ends - 1] = length > 5, 4 + (length > 5)
        yield data(table.take(pa.array(seat + rows * kind)))


def generate(out: Path, products: int, sessions: int, seed: int) -> None:
    """Write both files into a folder; they get their names when all of them are whole."""
    rng, began = np.random.default_rng(seed), time.perf_counter()
    brands = [word.title() for word in invent(rng, "en", products // 30 + 9)]
    facts = _facts(rng, products, min(TOPICS, products // 200 + 1))
    stands = dict(zip(LANGUAGES, _stands(rng, products), strict=True))
    out.mkdir(parents=True, exist_ok=True)

    def say(what: str) -> None:
        print(f"{time.perf_counter() - began:6.1f} s: {what}", flush=True)

    with tempfile.TemporaryDirectory(prefix=".amazon_m2_rows-", dir=out) as temp:
        with Path(temp, "products_train.csv").open("wb") as sink:
            sink.write((",".join(COLUMNS) + "\n").encode())
            for locale, mine in stands.items():
                for frame in _products(rng, locale, facts, mine, brands):
                    frame.write_csv(sink, include_header=False)
                say(f"{len(mine)} products of {locale}")
        with Path(temp, "sessions_train.csv").open("wb") as sink:
            sink.write(b"prev_items,next_item,locale\n")
            counts = np.diff(np.rint(np.cumsum(SESSIONS) / SESSIONS.sum() * sessions), prepend=0)
            for (locale, mine), count in zip(stands.items(), counts.astype(int), strict=True):
                for lines in _sessions(rng, locale, facts["id"], facts["topic"], mine, int(count)):
                    sink.write(lines)
                say(f"{count} sessions of {locale}")
        for file in Path(temp).iterdir():
            file.replace(out / file.name)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    for option, value in SIZES.items():
        parser.add_argument(f"--{option}", type=int, default=value)
    generate(**vars(parser.parse_args()))
