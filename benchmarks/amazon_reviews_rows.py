"""Synthetic rows in the layout of Amazon Reviews 2023 (Home and Kitchen), for measuring speed.

Products and users have topics: a user reviews products of two or three topics, and a review names
things of its product's title. The same arguments give the same rows.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # a checkout needs no install

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.random import Generator as Rng

from benchmarks.speech import (
    OPEN,
    STOP,
    Array,
    Speech,
    codes,
    data,
    join,
    listed,
    pick,
    quoted,
    some,
    zipf,
)
from benchmarks.words import COLOURS, MOODS, SHOP, invent

SIZES = {"reviews": 10_000_000, "products": 900_000, "users": 5_000_000, "seed": 0}
CATEGORY, TOPICS, CHUNK = "Home_and_Kitchen", 2000, 100_000
FIRST, LAST = 1_262_304_000_000, 1_693_440_000_000  # 2010 to August 2023, in ms
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
BASE32, BASE36, ASINS = LETTERS + "234567", "0123456789" + LETTERS, 36**8
STARS = [f"{number} Star{'s' * (number != 'One')}" for number in "One Two Three Four Five".split()]
BARE, SHOUT, BREAK = range(OPEN, OPEN + 3)
FORMS = ("{w}", "{w}!", "{w}.<br /><br />")
EXTRA = """&#34; |&amp; |12" |&quot; |😊 |it’s |👍 |don't |[[VIDEOID:0a1b2c]] """.split("|")
UNITS = ("Inch", '"', "oz", "Pack", "Piece", "Quart", "x 60 Inches", "Cup", "Tier", "lb")
COUNTRIES = ("China", "USA", "India", "Turkey", "Germany", "Vietnam")
MAIN = ('"Amazon Home"', '"Tools & Home Improvement"', '"Industrial & Scientific"', "null")
THINGS, TINTS = SHOP["en"].split(), COLOURS["en"].split()
STUFF = THINGS[THINGS.index("wood") :][:6]
ROOMS = ("Kitchen & Dining", "Bedding", "Bath", "Furniture", "Home Décor Products", "Wall Art",
         "Storage & Organization", "Heating, Cooling & Air Quality", "Seasonal Décor")  # fmt: skip
IMAGE = "https://m.media-amazon.com/images/I/"
PHOTOS = ("thumb", "_SS40_."), ("large", ""), ("hi_res", "_SL1500_.")
SIZED = ("small", 256), ("medium", 800), ("large", 1600)
Facts = dict[str, Any]


def _draw(rng: Rng, reviews: int, products: int, users: int) -> tuple[Facts, Facts]:
    """What is true of products and of reviews; products stand by topic, reviews by user."""
    topics = min(TOPICS, products // 200 + 1)
    popular = rng.lognormal(0, 0.7, topics)
    topic = np.sort(rng.choice(topics, products, p=popular / popular.sum()))
    size = np.bincount(topic, minlength=topics)
    start = (np.cumsum(size) - size).astype(np.int32)
    active = (1 + rng.pareto(1.5, users)).clip(max=300)
    likes = rng.choice(topics, (users, 3), p=size / products).astype(np.int16)
    user = np.arange(users, dtype=np.int32)
    user = np.repeat(user, rng.multinomial(reviews, active / active.sum()))
    liked = likes[user, np.searchsorted([0.6, 0.9], rng.random(reviews))]
    product: Array = (size[liked] * rng.random(reviews) ** 3).astype(np.int32) + start[liked]
    astray = np.flatnonzero(rng.random(reviews) < 0.06)
    product[astray] = rng.integers(0, products, len(astray))
    order = np.lexsort((product, user))
    same = (np.diff(user[order]) == 0) & (np.diff(product[order]) == 0)
    again = order[1:][same]  # reviews of what the user has reviewed
    product[again] = start[liked[again]] + rng.random(len(again)) * size[liked[again]]
    felt: Array = rng.standard_normal(reviews, np.float32)
    felt += 0.5 * rng.standard_normal(products, np.float32)[product]
    rating = np.digitize(felt, np.quantile(felt, [0.10, 0.15, 0.23, 0.37])).astype(np.int8) + 1
    heavy = ((1 - rng.random(reviews)) ** (-1 / 1.05)).clip(max=5000)
    votes = np.where(rng.random(reviews) < 0.38, heavy, 0).astype(np.int32)
    when = FIRST + ((LAST - FIRST) * np.sqrt(rng.random(reviews))).astype(np.int64)
    earliest = np.full(products, LAST)
    np.minimum.at(earliest, product, when)
    stars, count = (np.bincount(product, x, products).astype(int) for x in (rating, None))
    mean = np.where(count > 0, stars / count.clip(1), rng.integers(1, 6, products))
    known = zipf(rng, products // 40 + 9, topics * 30, 0.7).reshape(topics, 30)
    number = np.unique(rng.integers(0, ASINS, 2 * products))
    facts = {
        "topic": topic, "number": rng.permutation(number)[:products], "earliest": earliest,
        "seed": rng.integers(0, 1 << 31, products), "mean": np.rint(10 * mean).astype(int),
        "brand": known[topic, zipf(rng, 30, products, 1.0)],
        "count": count + (count * rng.pareto(1.2, products)).astype(int) + (count == 0),
        "hue": zipf(rng, 12, products), "measure": rng.integers(0, 40 * len(UNITS), products),
    }  # fmt: skip
    return facts, {"user": user, "product": product, "rating": rating, "votes": votes, "when": when}


def _opinions(rng: Rng, speech: Speech, topic: Array, seed: Array, rating: Array) -> list[pa.Array]:
    """Titles and texts of reviews."""
    count, mood = len(topic), 1 + np.digitize(rating, [3, 4])
    ids, ends = speech.body(topic, seed, rng.lognormal(2.8, 0.6, count).clip(4, 80), mood)
    last = np.where(rng.random(count) < 0.25, SHOUT, BARE)
    ids[ends - 1] = ids[ends - 1] % speech.size + speech.size * last
    starred, titles = rng.random(count) < 0.05, speech.text(ids, ends)
    titles = pc.if_else(pa.array(starred), pick(STARS, rating - 1), titles)
    ids, ends = speech.body(topic, seed, rng.lognormal(4.7, 0.95, count).clip(14, 350), mood)
    marked, broken = rng.random((2, count)) < [[0.08], [0.08]]
    marked &= np.diff(ends, prepend=0) > 4
    ids[ends[marked] - 3] = speech.extra + rng.integers(0, len(EXTRA), marked.sum())
    stop = np.flatnonzero(ids // speech.size == STOP)
    stop = stop[broken[np.searchsorted(ends, stop, "right")]]
    ids[stop] += speech.size * (BREAK - STOP)
    return [titles, speech.text(ids, ends)]


def _reviews(rng: Rng, speech: Speech, facts: Facts, drawn: Facts) -> Iterator[pa.Array]:
    """The lines of the reviews, at most CHUNK at a time."""
    for at in range(0, len(drawn["user"]), CHUNK):
        one = {name: values[at : at + CHUNK] for name, values in drawn.items()}
        rating, size, product = one["rating"], len(one["rating"]), one["product"]
        number, topic, seed = (facts[name][product] for name in ("number", "topic", "seed"))
        titles, texts = _opinions(rng, speech, topic, seed, rating)
        child = np.where(rng.random(size) < 0.35, rng.integers(1, 7, size), 0)
        key = one["user"].astype(np.uint64) + np.uint64(977)  # odd factors: no two users are one
        user = [codes(key * np.uint64(x) % 32**9, BASE32, 9) for x in (10**12 + 39, 3**25, 7**14)]
        photo = codes(np.arange(at, at + size) * 7919 % 36**5, BASE36, 5, "71")
        address = join('_image_url": "', IMAGE, photo, "._SL")
        sizes = [part for name, n in SIZED for part in (f'"{name}', address, f'{n}_.jpg", ')]
        photo = join("[{", *sizes, '"attachment_type": "IMAGE"}]')
        yield join(
            '{"rating": ', pick(["1.0", "2.0", "3.0", "4.0", "5.0"], rating - 1),
            ', "title": "', titles,
            '", "text": "', texts,
            '", "images": ', pc.if_else(pa.array(rng.random(size) < 0.05), photo, "[]"),
            ', "asin": "', codes((number + child * 1_000_003_579) % ASINS, BASE36, 8, "B0"),
            '", "parent_asin": "', codes(number, BASE36, 8, "B0"),
            '", "user_id": "A', *user,
            '", "timestamp": ', pa.array(one["when"]).cast("string"),
            ', "helpful_vote": ', pa.array(one["votes"]).cast("string"),
            ', "verified_purchase": ', pick(["true", "false"], 1 * (rng.random(size) < 0.07)),
            "}\n",
        )  # fmt: skip


def _products(rng: Rng, speech: Speech, facts: Facts, brands: list[str]) -> Iterator[pa.Array]:
    """The lines of the products, at most CHUNK at a time."""
    measures = [json.dumps(f"{n} {unit}")[1:-1] for n in range(1, 41) for unit in UNITS]
    sides = rng.uniform(1, 40, (5000, 4)).round(1).tolist()
    boxes = ["{} x {} x {} inches; {} Ounces".format(*four) for four in sides]
    days = [f"{date(2005, 1, 1) + timedelta(n):%B %d, %Y}".replace(" 0", " ") for n in range(6820)]
    pairs = [f"{a.title()} {b.title()}" for a in THINGS[:40] for b in THINGS[60:100]]
    leaves = 37 * np.arange(int(facts["topic"].max()) + 1) % len(pairs)
    paths = [json.dumps(["Home & Kitchen", ROOMS[n % 9], pairs[n]]) for n in leaves]
    prices = [str(price) for price in rng.lognormal(3.2, 0.8, 20_000).round(2).tolist()]
    asins, order = codes(facts["number"], BASE36, 8, "B0"), rng.permutation(len(facts["topic"]))
    for rows in (order[at : at + CHUNK] for at in range(0, len(order), CHUNK)):
        one, size = {name: values[rows] for name, values in facts.items()}, len(rows)
        topic, seed, hue, everything = one["topic"], one["seed"], one["hue"], np.arange(size)
        has = rng.random((8, size)) < np.array([[70, 45, 55, 10, 3, 98, 95, 2]]).T / 100
        words = rng.normal(12, 4, size).astype(int).clip(5)
        named, brand = some(rng, brands, one["brand"], 0.8), pick(brands, one["brand"])
        parts = [named, speech.titles(topic, seed, words), some(rng, measures, one["measure"], 0.7)]
        title = join(*parts, some(rng, TINTS, hue, 0.4), between=" ")
        texts = [speech.some(topic, seed, 4.3, x) for x in (1.0, 0.6, 0.6, 0.6, 0.6, 0.6)]
        about = [speech.some(topic, seed, *x) for x in ((5.6, 1.0), (5.0, 0.2))]
        model = join(codes(seed, LETTERS, 3), codes(seed, BASE36[:10], 4), between="-")
        day = one["earliest"] // 86_400_000 - 12_784 - rng.integers(0, 1500, size)
        kept: list[tuple[str, Any, Array, float]] = [
            ("Package Dimensions", boxes, seed % 5000, 0.35),
            ("Product Dimensions", boxes, seed // 7 % 5000, 0.5),
            ("Item model number", model, everything, 0.6),
            ("Date First Available", days, day.clip(0), 1.0),
            ("Brand", brands, one["brand"], 0.7),
            ("Color", TINTS, hue, 0.65),
            ("Material", STUFF, seed % 6, 0.6),
            ("Size", measures, one["measure"], 0.3),
            ("Special Feature", THINGS, seed // 13 % len(THINGS), 0.3),
            ("Manufacturer", brands, one["brand"], 0.5),
            ("Is Discontinued By Manufacturer", ["No", "Yes"], 1 * (seed % 40 == 0), 0.2),
            ("Country of Origin", COUNTRIES, seed % len(COUNTRIES), 0.25),
        ]
        details = [quoted(some(rng, values, n, share), key) for key, values, n, share in kept]
        own = some(rng, THINGS, seed // 11 % len(THINGS), 0.4)  # the key is of the product's own
        key = pick(pairs, (seed // 3 + topic) % len(pairs))
        details.append(join('"', key, '": ', quoted(own), skip=False))
        rank = zipf(rng, 500_000, size, 0.5) + 1
        ranks = ['"Best Sellers Rank": {"Home & Kitchen": ', pa.array(rank).cast("string"),
                 ', "', pick(pairs, leaves[topic]), '": ', pa.array(rank // 50 + 1).cast("string"),
                 "}"]  # fmt: skip
        details.append(some(rng, join(*ranks), everything, 0.6))
        near = [((rows + n) % len(order), share) for n, share in ((1, 1.0), (2, 0.7), (5, 0.4))]
        bought = listed([quoted(some(rng, asins, *one)) for one in near], has[7])
        photo = join(IMAGE, codes(one["number"] // 3, BASE36, 9, "8"))
        image = [quoted(join(photo, f".{kind}jpg"), key) for key, kind in PHOTOS]
        image = join('{"variant": "MAIN", ', join(*image, between=", "), "}")
        yield join(
            '{"main_category": ', pick(MAIN, zipf(rng, len(MAIN), size, 3.0)),
            ', "title": "', title,
            '", "average_rating": ', pick([str(n / 10) for n in range(51)], one["mean"]),
            ', "rating_number": ', pa.array(one["count"]).cast("string"),
            ', "features": ', listed(map(quoted, texts), has[0]),
            ', "description": ', listed(map(quoted, about), has[1]),
            ', "price": ', pc.if_else(pa.array(has[2]), pick(prices, seed % len(prices)), "null"),
            ', "images": ', listed([image], has[3]),
            ', "videos": ', listed([join('{"title": "', title, ' video"}')], has[4]),
            ', "store": ', pc.if_else(pa.array(has[5]), quoted(brand), "null"),
            ', "categories": ', pc.if_else(pa.array(has[6]), pick(paths, topic), "[]"),
            ', "details": ', listed(details, rng.random(size) < 0.97, "{}"),
            ', "parent_asin": "', asins.take(pa.array(rows)),
            '", "bought_together": ', pc.if_else(pa.array(has[7]), bought, "null"),
            "}\n",
        )  # fmt: skip


def generate(out: Path, reviews: int, products: int, users: int, seed: int) -> None:
    """Write both files into a folder; they get their names when both are whole."""
    rng, began = np.random.default_rng(seed), time.perf_counter()
    facts, drawn = _draw(rng, reviews, products, users)
    brands = [word.title() for word in invent(rng, "en", products // 40 + 9)]
    speech = Speech(rng, "en", int(facts["topic"].max()) + 1, FORMS, EXTRA, MOODS, escaped=True)
    print(f"{time.perf_counter() - began:6.1f} s: drew {reviews} reviews", flush=True)
    made = {
        f"raw/meta_categories/meta_{CATEGORY}.jsonl": _products(rng, speech, facts, brands),
        f"raw/review_categories/{CATEGORY}.jsonl": _reviews(rng, speech, facts, drawn),
    }
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".amazon_reviews_rows-", dir=out) as temp:
        for file, chunks in made.items():
            Path(temp, file).parent.mkdir(parents=True)
            with Path(temp, file).open("wb") as sink:
                for lines in chunks:
                    sink.write(data(lines))
            print(f"{time.perf_counter() - began:6.1f} s: {file}", flush=True)
        for file in made:
            (out / file).parent.mkdir(parents=True, exist_ok=True)
            Path(temp, file).replace(out / file)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    for option, value in SIZES.items():
        parser.add_argument(f"--{option}", type=int, default=value)
    generate(**vars(parser.parse_args()))
