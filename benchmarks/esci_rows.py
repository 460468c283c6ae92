"""Synthetic rows in the layout and at the size of Amazon's ESCI data set, for measuring speed.

Queries and products have topics, and a product's title holds as many of a query's words as its
label asks for. The words are invented. The same arguments give the same rows.
"""

import argparse
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.random import Generator as Rng
from numpy.typing import NDArray

Array = NDArray[Any]
SIZES = {"judgements": 2_600_000, "products": 1_800_000, "queries": 130_000, "seed": 0}
LOCALES, SHARES, TOPICS = ("us", "es", "jp"), (0.70, 0.14, 0.16), 3000
OWN, COMMON, DRAWS, CHUNK = 13, 5000, 1 << 16, 60_000  # OWN words a topic, one a function word
PLAIN, CAP, COMMA, STOP, BREAK, BOLD, END, LINE, FORMED = range(9)  # the forms of a word
FORMS = ("{w} ", "{c} ", "{w}, ", "{w}. ", "{w}.<br> ", "<b>{c}</b> ", "{w}.", "{w}.\n")
FORMS_JP = ("{w}", "{w} ", "{w}、", "{w}。", "{w}。<br>", "<b>{w}</b>", "{w}。", "{w}。\n")
COLOURS = "Black White Blue Red Grey Green Pink Brown Silver Gold Purple Yellow".split()
FUNCTION = {  # the first four also join the words of queries and titles
    "us": "for with and in of to the a is it on your that you this or are as be from can by will",
    "es": "para con de y en sin la el los que una un se su es las por del lo al como más muy",
    "jp": "の に で と や へ を は が も から まで より など です ます して する こと ため また",
}
STARTS = "b br c ch cr d dr f fl g gr h j k l m n p pl pr qu r s sh sl sp st t tr v w".split()
ENDS = "er ing y le et an on ow ish ty ar el in or ex ic um en us al ed is ole ine ate ock".split()
STARTS_ES, VOWELS = "b c ch d f g j l m n p r s t v pl tr br".split(), "a e i o u ie ea".split()
ENDS_ES = "o a os as ado ada ido ción ero era dad al illo ino ante ura ista oso ote ez".split()
KATAKANA = list("アイウエオカキクケコサシスセソタチツテトナニヌネハヒフヘホマミムメモラリルレロワ")
KANJI = list("人日大年本中子見国上生行間時気前入小後長学山高書金外東食水天木円電車左右火雨力手明社")
CODAS = "n r l s t ck nd rt st m p ng d b".split()
SHAPES = {"us": [[STARTS, VOWELS, CODAS, ENDS]], "es": [[STARTS_ES, VOWELS, STARTS_ES, ENDS_ES]]}
SHAPES["jp"] = [[KATAKANA] * 3, [KANJI] * 3, [KATAKANA, KATAKANA, ["ー"], KATAKANA], [KANJI] * 2]


def _zipf(rng: Rng, items: int, count: int, power: float = 0.8) -> Array:
    """Draw from range(items) with Zipf's distribution."""
    weights = np.cumsum(np.arange(1.0, items + 1) ** -power)
    return np.asarray(np.searchsorted(weights, rng.random(count) * weights[-1]))


def _words(rng: Rng, locale: str, count: int) -> list[str]:
    """Invent distinct words, of the locale's shapes in turn."""
    made = [zip(*(rng.choice(p, 4 * count) for p in s), strict=True) for s in SHAPES[locale]]
    return list(dict.fromkeys("".join(w) for row in zip(*made, strict=True) for w in row))[:count]


def _pick(values: Sequence[str] | pa.Array, number: Array) -> pa.Array:
    """Take the values of these numbers, null for -1."""
    return pa.array(values).take(pa.array(number, mask=number < 0))


class Lexicon:
    """A locale's words in all their forms, and the texts made of them."""

    def __init__(self, rng: Rng, locale: str, topics: int, brands: list[str]) -> None:
        """Invent the words: function words, common ones and those of the topics."""
        small, jp, table = FUNCTION[locale].split(), locale == "jp", rng.random(DRAWS)
        words, first = small + _words(rng, locale, COMMON + OWN * topics), len(small) + COMMON
        words[first + OWN - 1 :: OWN] = rng.choice(small[:4], topics).tolist()
        kinds = [(w not in small) + (w[0] in KATAKANA) for w in words] if jp else range(len(words))
        self.script = np.array(kinds)  # neighbours of one script are parted by a space (for jp)
        self.rng, self.brands, self.size, self.first = rng, brands, len(words), first
        forms = [f.format(w=w, c=w.title()) for f in (FORMS_JP if jp else FORMS) for w in words]
        self.tokens = pa.array([*forms, *(f"{b} " for b in brands), "&amp; "])  # form * size + word
        self.lengths, self.title_form = pc.utf8_length(self.tokens).to_numpy(), PLAIN if jp else CAP
        function, common = _zipf(rng, len(small), DRAWS), len(small) + _zipf(rng, COMMON, DRAWS)
        self.own = table > 0.8  # the tokens of code that are a topic's, relative to its first
        code = np.where(self.own, _zipf(rng, OWN, DRAWS), common)
        code += self.size * rng.choice([PLAIN, COMMA, STOP], DRAWS, p=[0.8, 0.09, 0.11])
        self.code = np.where(table < 0.35, function, code).astype(np.int32)  # for running text
        self.filler = np.where(table < 0.15, function, common + self.title_form * self.size)
        self.filler[:: 360 if jp else 245] = len(self.tokens) - 1
        self.mean = self.lengths[self.code + self.own * first].mean() * (1.17 if jp else 1.02)

    def _texts(self, ids: Array, ends: Array) -> pa.Array:
        """Make a text of each run of tokens that ends at the given positions."""
        script = self.script[ids % self.size]
        same = (script[:-1] == script[1:]) & (ids[:-1] < self.size)
        same[ends[:-1] - 1] = False
        ids[np.flatnonzero(same)] += self.size * CAP
        taken = self.tokens.take(pa.array(ids))
        offsets = np.frombuffer(taken.buffers()[1], np.int32)[np.append(0, ends)]
        return pa.StringArray.from_buffers(len(ends), pa.py_buffer(offsets), taken.buffers()[2])

    def body(self, topic: Array, has: Array, chars: Array, tagged: Array) -> pa.Array:
        """Write text on topics that have one, a line for each column of chars; some with tags."""
        topic, chars, tagged = topic[has], chars[has], tagged[has]
        counts = np.rint(chars / self.mean).astype(np.int64).clip(min=2)
        ends, wide = np.cumsum(counts).reshape(counts.shape), counts.sum(1)
        draw, starts = self.rng.integers(0, DRAWS, wide.sum()), ends - counts
        base = np.repeat((self.first + OWN * topic).astype(np.int32), wide)
        ids = self.code[draw] + base * self.own[draw]
        stop = np.flatnonzero((ids >= STOP * self.size) & (ids < BREAK * self.size))
        tags, after = stop[np.repeat(tagged, wide)[stop]], stop[stop < len(ids) - 1] + 1
        for where, form in ((tags, BREAK), (after, CAP), (starts, CAP), (starts[tagged], BOLD),
                            (ends - 1, LINE), (ends[:, -1] - 1, END)):  # fmt: skip
            ids[where] = ids[where] % self.size + form * self.size
        return _pick(self._texts(ids, ends[:, -1]), np.where(has, np.cumsum(has) - 1, -1))

    def titles(self, topic: Array, mask: Array, form: int, brand: Array, chars: Array) -> pa.Array:
        """Join the topics' words in the masks, with a brand (-1: none) and filling up to chars."""
        rows, bit = np.nonzero((mask[:, None] >> np.arange(OWN)) & 1)
        named = np.flatnonzero(brand >= 0)
        ids = self.first + OWN * topic[rows] + bit + form * self.size
        ids, rows = np.append(ids, FORMED * self.size + brand[named]), np.append(rows, named)
        room = chars - np.bincount(rows, self.lengths[ids], len(topic))
        fill = np.rint(room / self.lengths[self.filler].mean()).astype(np.int64).clip(chars > 0)
        extra = self.filler[self.rng.integers(0, DRAWS, fill.sum())]
        key = np.where(bit == OWN - 1, 0.5, 0.1 + 0.8 * self.rng.random(len(bit)))
        key = np.concatenate((key, np.zeros(len(named)), 0.1 + 0.9 * self.rng.random(len(extra))))
        ids, rows = np.append(ids, extra), np.append(rows, np.repeat(np.arange(len(topic)), fill))
        ids, ends = ids[np.argsort(rows + key, kind="stable")], np.cumsum(np.bincount(rows))
        return pc.utf8_rtrim_whitespace(self._texts(ids, ends))


def _judge(rng: Rng, total: int, products: int, queries: int, topics: int) -> dict[str, Array]:
    """Draw queries and products as numbers, and which product is judged how for which query."""
    popular, bits = rng.lognormal(0, 0.8, topics), np.bitwise_count(np.arange(1 << OWN - 1))
    q_topic = rng.choice(topics, queries, p=popular / popular.sum())
    q_topic = np.sort(q_topic + topics * rng.choice(3, queries, p=SHARES))
    share = np.array([0, 0, 12, 3, 1, 0.4] + [0] * 7)[bits]  # two to five words, a bit for each
    masks = rng.choice(len(share), 300, replace=False, p=share / share.sum())
    nth = np.arange(queries) - np.searchsorted(q_topic, q_topic) + 7 * q_topic
    q_mask = masks[nth % len(masks)] + (rng.random(queries) < 0.2) * (1 << OWN - 1)
    # One round of a topic takes one judgement of each of its queries. A product is judged in a
    # run of places within a round, and so never twice for one query.
    seats = rng.permutation(np.repeat(np.arange(queries), rng.integers(1, 33, queries)))
    query = np.sort(np.append(np.arange(8 * queries) // 8, seats[: max(0, total - 8 * queries)]))
    rank = np.arange(len(query)) - np.searchsorted(query, query)
    order = np.lexsort((rng.random(len(query)), rank, q_topic[query]))
    query, rank = query[order], rank[order]
    start = np.diff(q_topic[query] * 64 + rank, prepend=-1) != 0
    pool = np.flatnonzero(~start & (rank > 0))
    start |= (rank == 0) & (rng.random(len(query)) < 0.2)  # long runs: the popular products
    need = products - int(start.sum())
    if len(query) != total or not 0 <= need <= len(pool):
        raise ValueError(f"{total} judgements of {queries} queries do not fit {products} products")
    start[rng.choice(pool, need, replace=False)] = True
    at, product = np.flatnonzero(start), np.cumsum(start) - 1
    noise = 0.8 * rng.standard_normal(products)[product] + 0.6 * rng.standard_normal(total)
    label = np.digitize(noise, np.quantile(noise, [0.10, 0.13, 0.35]))  # 0 to 3 for I, C, S, E
    asked, coin = q_mask[query], rng.random(total)
    words = (asked[:, None] >> np.arange(OWN - 1)) & 1
    one = 1 << np.argmax(words * rng.random(words.shape, np.float32), 1)
    most = np.where((words.sum(1) > 2) | (coin < 0.5), asked & ~one, asked)
    wanted = np.choose(label, [np.where(coin < 0.3, one, 0), one, most, asked])
    more = np.bitwise_and(*rng.integers(0, 1 << OWN - 1, (2, products)))
    mask = np.bitwise_or.reduceat(wanted, at) | (more & ~np.bitwise_or.reduceat(asked, at))
    astray = (np.maximum.reduceat(label, at) == 0) * rng.integers(0, topics, products)
    region, topic = np.divmod(q_topic[query[at]], topics)
    rows, back = np.lexsort((rng.random(products), region)), np.argsort(order)
    query, rank, label, product = (x[back] for x in (query, rank, label, np.argsort(rows)[product]))
    fit = (np.bincount(product)[product] == 1) & (label == 3) & (rank > 0)
    near = fit[:-1] & fit[1:] & (query[:-1] == query[1:]) & (rank[:-1] % 2 == 0)
    pairs, twin = rng.permutation(np.flatnonzero(near))[: total // 20], np.arange(products)
    twin[product[pairs + 1]] = product[pairs]  # the product with this one's title
    number = 11 * 36**9 + rng.permutation(np.unique(rng.integers(0, 36**8, 2 * products)))
    digits = np.array(list("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"))
    code = digits[number[:products, None] // 36 ** np.arange(9, -1, -1) % 36].view("U10").ravel()
    return {"q_topic": q_topic, "q_mask": q_mask, "query": query, "product": product,
            "label": label, "region": region[rows], "mask": mask[rows], "twin": twin,
            "topic": ((topic + astray) % topics)[rows], "code": code}  # fmt: skip


def _products(rng: Rng, lexicons: list[Lexicon], rows: dict[str, Array]) -> Iterator[list[Any]]:
    """Write the columns of the products, at most CHUNK rows at a time."""
    brands, topics = lexicons[0].brands, int(rows["topic"].max()) + 1
    known = _zipf(rng, len(brands), 3 * topics * 40, 0.7).reshape(3, topics, 40)  # by topic
    colours = COLOURS + [f"{a}/{b}" for a in COLOURS for b in COLOURS if a != b]
    for number, lex in enumerate(lexicons):
        mine = slice(*np.searchsorted(rows["region"], [number, number + 1]))
        topic, mask, twin, code = (rows[name][mine] for name in ("topic", "mask", "twin", "code"))
        count, twin, form = len(topic), twin - mine.start, lex.title_form
        tint = (twin != np.arange(count)) & (rng.random(count) < 0.8)  # in another colour
        both = tint | np.isin(np.arange(count), twin[tint])
        brand = known[number][topic, _zipf(rng, 40, count, 1.0)][twin]
        draw, shade = rng.random((2, count))[:, twin]
        brand, shown = (np.where((draw > 0.05) & (draw < x), brand, -1) for x in (1, 0.65))
        hue = (_zipf(rng, len(colours), count, 1.2)[twin] + tint) % len(colours)
        tail, hue = (np.where((shade < x) | both, hue, -1) for x in (0.25, 0.61))
        chars = rng.lognormal(3.83 if number == 2 else 4.54, 0.3, count).clip(46, 165)
        parts = [slice(i, i + CHUNK) for i in range(0, count or 1, CHUNK)]
        stems = [lex.titles(topic[p], mask[p], form, shown[p], chars[p]) for p in parts]
        titles, tails = _pick(pa.concat_arrays(stems), twin), _pick(colours, tail)
        titles = pc.binary_join_element_wise(titles, tails, " - ", null_handling="skip")
        for p in parts:
            about, size = topic[p], len(topic[p])
            lines, long = rng.uniform(72, 190, (size, 5)), rng.lognormal(6.37, 0.7, (size, 1))
            has, listed, tagged = rng.random((3, size)) < [[0.52], [0.85], [0.3]]
            yield [pa.array(code[p]), titles[p], lex.body(about, has, long.clip(40, 1780), tagged),
                   lex.body(about, listed, lines, tagged & False), _pick(brands, brand[p]),
                   _pick(colours, hue[p]), pa.repeat(LOCALES[number], size)]  # fmt: skip


def generate(out: Path, judgements: int, products: int, queries: int, seed: int) -> None:
    """Write the three files into a folder; they get their names when all of them are whole."""
    rng, began = np.random.default_rng(seed), time.perf_counter()
    topics = min(TOPICS, TOPICS * queries // SIZES["queries"] + 1)
    brands = [word.title() for word in _words(rng, "us", products // 30 + 9)]
    lexicons = [Lexicon(rng, locale, topics, brands) for locale in LOCALES]
    print(f"{time.perf_counter() - began:6.1f} s: words of {topics} topics a locale", flush=True)
    rows = _judge(rng, judgements, products, queries, topics)
    (locale, topic), texts = np.divmod(rows["q_topic"], topics), []
    for number, lex in enumerate(lexicons):
        mine, none = locale == number, np.zeros((locale == number).sum(), np.int64)
        texts += lex.titles(topic[mine], rows["q_mask"][mine], PLAIN, none - 1, none).to_pylist()
    ids = np.argsort(sorted(range(queries), key=lambda q: (locale[q], texts[q])))
    small, test = rng.random((2, queries)) < [[0.37], [0.25]]
    order = np.lexsort((rng.random(judgements), ids[rows["query"]]))
    query, product, label = (rows[name][order] for name in ("query", "product", "label"))
    examples = pa.table({
        "example_id": np.arange(judgements), "query": _pick(texts, query), "query_id": ids[query],
        "product_id": rows["code"][product], "product_locale": _pick(LOCALES, locale[query]),
        "esci_label": _pick("ICSE", label), "small_version": small[query] * 1,
        "large_version": label * 0 + 1, "split": _pick(["train", "test"], test[query] * 1),
    })  # fmt: skip
    print(f"{time.perf_counter() - began:6.1f} s: drew {judgements} judgements", flush=True)
    sources = enumerate(rng.choice(["other", "behavioral", "nlqec", "negations"], queries))
    names = "id title description bullet_point brand color locale".split()
    schema = pa.schema([(f"product_{name}", pa.string()) for name in names])
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".esci_rows-", dir=out) as temp:
        pq.write_table(examples, f"{temp}/shopping_queries_dataset_examples.parquet")
        lines = ["query_id,source\n", *(f"{query},{source}\n" for query, source in sources)]
        Path(f"{temp}/shopping_queries_dataset_sources.csv").write_text("".join(lines), "utf-8")
        with pq.ParquetWriter(f"{temp}/shopping_queries_dataset_products.parquet", schema) as sink:
            for cells in _products(rng, lexicons, rows):
                sink.write_table(pa.table(cells, schema=schema))
                print(f"{time.perf_counter() - began:6.1f} s: {len(cells[0])} products", flush=True)
        for file in Path(temp).iterdir():
            file.replace(out / file.name)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    for option, value in SIZES.items():
        parser.add_argument(f"--{option}", type=int, default=value)
    generate(**vars(parser.parse_args()))
