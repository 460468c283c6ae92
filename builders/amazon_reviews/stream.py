"""Reading reviews in one pass over all their files, in bounded memory."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from builders.amazon_reviews.liked import NO_PAIRS, graph, met_among
from builders.amazon_reviews.smallest import Smallest
from builders.amazon_reviews.tables import (
    COMPLEMENT,
    COVERED,
    LIKED,
    RATED,
    SNIPPETS,
    SOURCE,
    STARS,
    TOLD,
    VOTED,
    WRITTEN,
    Sample,
    Tables,
    called,
    category,
    kinds_of,
    once,
    product_key,
)
from builders.draw import Draw, hashed, ring
from builders.shopbench import RANKED
from builders.source import Rows, parts, row_hash, unreadable, unusable
from builders.text import clean, words

#: Reviews shown have so many characters as published; those that are rated may be longer.
SHORTEST, LONGEST, LONGEST_RATED = 40, 600, 1_500
#: Reviews that are at hand as distractors, with their products, whichever sets are built.
POOL = 60_000
#: Reviews that are looked at for each question: one by one, or those of products with all of
#: theirs, of which few are fit. Of these no texts are kept.
_OWN, _ALL = 2, 128
#: Questions that are looked at beside those wanted: a small draw needs no second reading.
_SPARE = 100
_LONG = pl.col("chars").is_between(SHORTEST, LONGEST_RATED)
#: Rows of a batch.
_BATCH = 100_000
#: What is kept of every review, in a file beside.
_EDGES = pa.schema(
    {"product": pa.uint64(), "user": pa.uint64(), "place": pa.uint64(), "liked": pa.bool_()}
)
#: What is kept of a review that may be shown.
_SHOWN = pa.schema(
    {
        **dict.fromkeys(("review", "product", "place"), pa.uint64()),
        **dict.fromkeys(("file", "title", "text", "user_id", "parent_asin"), pa.large_string()),
        **dict.fromkeys(("timestamp", "helpful_vote"), pa.int64()),
        "rating": pa.float64(),
    }
)


def read(rows: Rows, seed: int, limit: int | None, wanted: Mapping[str, int]) -> Tables:
    """Read a source; `limit`: only so many products."""
    return _Pass(rows, seed, limit, wanted).tables()


class _Pass:
    """One reading of all files."""

    def __init__(self, rows: Rows, seed: int, limit: int | None, wanted: Mapping[str, int]) -> None:
        self.rows, self.seed, self.limit = rows, seed, limit
        self.rejects: Counter[str] = Counter()
        self.revision = 0
        self.wanted = {name: count + _SPARE for name, count in wanted.items()}
        rated = self.wanted.get(RATED, 0) // len(STARS)
        self.rated = {stars: Smallest(rated) for stars in STARS}
        self.written = Smallest(self.wanted.get(WRITTEN, 0) * _OWN)
        self.told = Smallest(max(self.wanted.get(name, 0) for name in (SNIPPETS, COVERED)) * _OWN)
        self.voted = Smallest(self.wanted.get(VOTED, 0) * _ALL)
        self.liked = max(self.wanted.get(name, 0) for name in (LIKED, COMPLEMENT))
        self.edges = Smallest(self.liked * _ALL)
        self.bought = Smallest(self.liked)
        self.pool = Smallest(POOL)

    def tables(self) -> Tables:
        """Read all, and gather what the sets need."""
        self._read_products()
        with tempfile.TemporaryDirectory(prefix="shopmix-") as folder:
            edges, voted = Path(folder) / "edges.parquet", Path(folder) / "voted.parquet"
            with _writer(edges, _EDGES) as one, _writer(voted, _SHOWN) as other:
                self._read_reviews(one, other)
            found = graph(edges, self.edges, self.bought, self.liked)
            products, votes = self._voted(voted)
            pool = once(called(self.pool.rows())).filter(~pl.col("repeated"))
            pool = pool.with_columns(ring(pl.col("review")).alias("ring")).sort("ring")
            near = NO_PAIRS
            if self.wanted.get(COMPLEMENT):
                near = met_among(edges, kinds_of(pool)["product"])
        rated = {stars: _sample(kept) for stars, kept in self.rated.items()}
        written, told = _sample(self.written), _sample(self.told, TOLD)
        shown = [frame["product"] for frame in (written.rows, told.rows, votes, pool)]
        shown += [found.together[name] for name in ("product", "other")]
        return Tables(
            rated, written, told, products, votes, pool, found.buyers, found.together, found.met,
            near, self._products(pl.concat(shown).unique()), self._named_revision(), self.rejects,
        )  # fmt: skip

    def _voted(self, path: Path) -> tuple[Sample, pl.DataFrame]:
        """Products of the smallest hashes, and the voted reviews of those that have enough."""
        products = self.voted.rows().group_by("hash", "product", maintain_order=True)
        counted = products.agg(pl.col("helpful_vote").n_unique().alias("levels"))
        counted = counted.sort("hash").with_columns((pl.col("levels") >= RANKED).alias("fit"))
        enough = pl.col("fit").cum_sum() <= self.wanted.get(VOTED, 0)
        kept = counted.filter(enough).select("product", "fit")
        fit = kept.lazy().filter("fit").select("product")
        texts = pl.scan_parquet(path).join(fit, on="product", how="semi")
        votes = once(called(texts.collect(engine="streaming")))
        return Sample(kept, self.voted.whole and len(kept) == len(counted)), votes

    def _named_revision(self) -> str:
        return self.rows.revision or f"rows-{self.revision % 2**64:016x}"

    @cached_property
    def _among(self) -> pl.Expr:
        """Whether a product is one of those that `limit` leaves."""
        if self.limit is None:
            return pl.lit(True)
        places = self.rows.tables["products"].select(ring(product_key()).alias("ring")).unique()
        kept = places.collect(engine="streaming")["ring"].bottom_k(self.limit)
        return ring(product_key()) <= pl.lit(kept.max(), dtype=pl.UInt64)

    def _batches(self, table: str, frame: pl.LazyFrame) -> Iterator[pl.DataFrame]:
        """A table in batches, its content hashed, how it goes on told."""
        read = 0
        with self.rows.watch(f"reading {table}", _about(self.rows, table)) as tell:
            try:
                for batch in frame.collect_batches(chunk_size=_BATCH, maintain_order=False):
                    self.revision += int(batch["content"].sum())
                    read += len(batch)
                    tell(read, self.rejects.total())
                    yield batch
            except pl.exceptions.PolarsError as error:
                raise unreadable(SOURCE, self.rows, error) from None
        if read == self.rejects.total():
            raise unusable(self.rows, table.removesuffix("s"), self.rejects)

    def _first(self, name: str, key: str) -> pl.Expr:
        """The hash that a set draws by."""
        return Draw(self.seed, name, 0, 0).hash("first", pl.col(key))

    def _read_products(self) -> None:
        frame = self.rows.tables["products"].with_columns(product_key().alias("product"))
        listed = hashed(pl.col("bought_together").list.join(" "), seed=9).fill_null(0)
        frame = frame.select(
            "product",
            "bought_together",
            self._first(LIKED, "product").alias("hash"),
            (row_hash(pl.col("product"), ["parent_asin", "title"]) + listed).alias("content"),
        )
        for batch in self._batches("products", frame):
            self.bought.add(batch.filter(pl.col("bought_together").list.len() > 0).drop("content"))

    def _read_reviews(self, edges: pq.ParquetWriter, voted: pq.ParquetWriter) -> None:
        fair = pl.col("chars") <= LONGEST
        for whole in self._batches("reviews", self._reviews()):
            batch = whole if whole["named"].all() else whole.filter("named")
            self.rejects["review without user, product, time or stars"] += len(whole) - len(batch)
            for stars, sample in self.rated.items():
                sample.add(_drawn_by(batch, "rated"), _LONG & (pl.col("rating") == stars))
            self.written.add(_drawn_by(batch, "written"), _LONG & fair)
            self.told.add(_drawn_by(batch, "asked"), _LONG & fair)
            self.pool.add(_drawn_by(batch, "pooled"), _LONG & fair)
            # a review without a vote may just not have been seen
            seen = batch.filter(_LONG & fair & (pl.col("helpful_vote") > 0))
            self.voted.add(seen.select("product", "helpful_vote", pl.col("voted").alias("hash")))
            if self.voted.most:
                voted.write_table(seen.select(_SHOWN.names).to_arrow().cast(_SHOWN))
            liked = batch.select(*_EDGES.names, pl.col("liking").alias("hash"))
            self.edges.add(liked)
            if self.edges.most:
                edges.write_table(liked.select(_EDGES.names).to_arrow().cast(_EDGES))

    def _reviews(self) -> pl.LazyFrame:
        """Reviews with the hashes that all sets draw by, and of their content."""
        columns = [name for name in SOURCE.tables["reviews"].columns if name != "file"]
        review = hashed(pl.col("parent_asin"), pl.col("user_id"), pl.col("timestamp"))
        named = pl.all_horizontal(
            pl.col("parent_asin", "user_id", "timestamp").is_not_null(),
            pl.col("rating").is_in(STARS),
        )
        content = row_hash(pl.col("review").fill_null(0), columns) + pl.col("place")
        return (
            self.rows.tables["reviews"]
            .filter(self._among)
            .with_columns(
                review.alias("review"),
                product_key().alias("product"),
                hashed(pl.col("user_id")).alias("user"),
                hashed(category()).alias("place"),
                named.fill_null(False).alias("named"),
                pl.col("text").str.len_chars().fill_null(0).alias("chars"),
                (pl.col("rating") >= 4).alias("liked"),
            )
            .with_columns(
                content.alias("content"),
                self._first(RATED, "review").alias("rated"),
                self._first(WRITTEN, "review").alias("written"),
                self._first(TOLD, "review").alias("asked"),
                self._first(VOTED, "product").alias("voted"),
                self._first(LIKED, "product").alias("liking"),
                hashed(pl.col("review"), seed=2).alias("pooled"),
            )
        )

    def _products(self, wanted: pl.Series) -> pl.DataFrame:
        """The products that may be asked about or shown, with clean titles."""
        named = (
            self.rows.tables["products"]
            .with_columns(product_key().alias("product"))
            .join(wanted.alias("product").to_frame().lazy(), on="product", how="semi")
            .select("product", "parent_asin", "title", "bought_together")
            .collect(engine="streaming")
            .sort("product", "title", pl.col("bought_together").list.join(" "))
            .unique("product", keep="last", maintain_order=True)  # a missing title comes first
        )
        named = named.with_columns(clean(named["title"])).drop_nulls("title")
        return named.with_columns(words(pl.col("title")).alias("words"))


def _drawn_by(rows: pl.DataFrame, name: str) -> pl.DataFrame:
    return rows.select(*_SHOWN.names, "chars", pl.col(name).alias("hash"))


def _sample(kept: Smallest, name: str | None = None) -> Sample:
    return Sample(once(called(kept.rows())).drop("hash", "chars"), kept.whole, name)


def _writer(path: Path, schema: pa.Schema) -> pq.ParquetWriter:
    """For files that are read once: quick to write."""
    return pq.ParquetWriter(path, schema, compression="lz4", use_dictionary=False)


def _about(rows: Rows, table: str) -> int:
    """How many rows a table has, by the size of its files and the lines at their beginning."""
    count = 0.0
    for file in parts(rows.folder, SOURCE.tables[table]) if rows.folder else []:
        if file.suffix == ".parquet":
            count += pq.read_metadata(file).num_rows
            continue
        with file.open("rb") as opened:
            head = opened.read(1 << 20)
        count += head.count(b"\n") * file.stat().st_size / max(len(head), 1)
    return int(count) + 1
