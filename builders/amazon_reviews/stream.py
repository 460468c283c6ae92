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

from builders.amazon_reviews.liked import Graph, graph
from builders.amazon_reviews.smallest import Smallest
from builders.amazon_reviews.tables import (
    LIKED,
    RATED,
    SOURCE,
    STARS,
    VOTED,
    WRITTEN,
    Sample,
    Tables,
    category,
    product_key,
    review_row,
)
from builders.draw import Draw, hashed, ring
from builders.errors import ShopmixError
from builders.source import Rows, parts, row_hash, unreadable
from builders.text import clean, words

#: Reviews shown have so many characters as published; those that are rated may be longer.
SHORTEST, LONGEST, LONGEST_RATED = 40, 600, 1_500
#: Reviews that are at hand as distractors, with their products, whichever sets are built.
POOL = 60_000
#: How many reviews are looked at for each question: of its own, or of products with all of theirs.
_OWN, _ALL = 2, 16
#: Rows of a batch.
_BATCH = 100_000
_EDGES = {"product": pa.uint64(), "user": pa.uint64(), "place": pa.uint64(), "liked": pa.bool_()}
_TEXTS = (
    "review", "product", "place", "row", "rating", "title", "text", "timestamp", "helpful_vote",
    "user_id", "parent_asin", "hash",
)  # fmt: skip


def read(rows: Rows, seed: int, limit: int | None, sizes: Mapping[str, int], factor: int) -> Tables:
    """Read a source; `limit`: only so many products."""
    return _Pass(rows, seed, limit, sizes, factor).tables()


class _Pass:
    """One reading of all files."""

    def __init__(
        self, rows: Rows, seed: int, limit: int | None, sizes: Mapping[str, int], factor: int
    ) -> None:
        self.rows, self.seed, self.limit = rows, seed, limit
        self.rejects: Counter[str] = Counter()
        self.revision = 0
        wanted = {name: factor * size for name, size in sizes.items()}
        self.rated = {stars: Smallest(wanted.get(RATED, 0) // len(STARS)) for stars in STARS}
        self.written = Smallest(wanted.get(WRITTEN, 0) * _OWN)
        self.voted = Smallest(wanted.get(VOTED, 0) * _ALL)
        self.edges = Smallest(wanted.get(LIKED, 0) * _ALL)
        self.bought = Smallest(wanted.get(LIKED, 0))
        self.pool = Smallest(POOL)

    def tables(self) -> Tables:
        """Read all, and gather what the sets need."""
        self._read_products()
        with tempfile.TemporaryDirectory(prefix="shopmix-") as folder:
            path = Path(folder) / "edges.parquet"
            with pq.ParquetWriter(path, pa.schema(_EDGES.items())) as edges:
                self._read_reviews(edges)
            if not self.revision:
                raise ShopmixError(f"{self.rows.where}: there is no review")
            found = graph(path, self.edges, self.bought)
        pool = _once(self.pool.rows()).filter(~pl.col("repeated"))
        pool = pool.with_columns(ring(pl.col("review")).alias("ring")).sort("ring")
        rated = {stars: _sample(kept) for stars, kept in self.rated.items()}
        written, voted = _sample(self.written), _sample(self.voted)
        return Tables(
            rated, written, voted, pool, found.buyers, found.together, found.met,
            self._products(written, voted, pool, found), self._named_revision(), self.rejects,
        )  # fmt: skip

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

    def _first(self, name: str, key: str) -> pl.Expr:
        """The hash that a set draws by."""
        return Draw(self.seed, name, 0, 0).hash("first", pl.col(key))

    def _read_products(self) -> None:
        columns = [name for name in SOURCE.tables["products"].columns if name != "file"]
        frame = self.rows.tables["products"].with_columns(product_key().alias("product"))
        told = [pl.col(name) for name in columns if name != "bought_together"]
        content = row_hash(pl.col("product"), [str(one.meta.output_name()) for one in told])
        frame = frame.select(
            "product",
            "bought_together",
            self._first(LIKED, "product").alias("hash"),
            (content + hashed(pl.col("bought_together").list.join(" ")).fill_null(0)).alias(
                "content"
            ),
        )
        for batch in self._batches("products", frame):
            self.bought.add(batch.filter(pl.col("bought_together").list.len() > 0).drop("content"))

    def _read_reviews(self, edges: pq.ParquetWriter) -> None:
        hashes = {
            "rated": self._first(RATED, "review"),
            "written": self._first(WRITTEN, "review"),
            "voted": self._first(VOTED, "product"),
            "liking": self._first(LIKED, "product"),
            "pooled": hashed(pl.col("review"), seed=2),
        }
        columns = [name for name in SOURCE.tables["reviews"].columns if name != "file"]
        review = hashed(pl.col("parent_asin"), pl.col("user_id"), pl.col("timestamp"))
        named = pl.all_horizontal(
            pl.col("parent_asin", "user_id", "timestamp").is_not_null(),
            pl.col("rating").is_in(STARS),
        )
        frame = (
            self.rows.tables["reviews"]
            .filter(self._among)
            .with_columns(
                review.alias("review"),
                product_key().alias("product"),
                hashed(pl.col("user_id")).alias("user"),
                hashed(category()).alias("place"),
                review_row().alias("row"),
                named.fill_null(False).alias("named"),
                pl.col("text").str.len_chars().fill_null(0).alias("chars"),
            )
            .with_columns(
                (row_hash(pl.col("review").fill_null(0), columns) + pl.col("place")).alias(
                    "content"
                ),
                **hashes,
            )
        )
        for whole in self._batches("reviews", frame):
            batch = whole.filter("named")
            self.rejects["review without user, product, time or stars"] += len(whole) - len(batch)
            self._keep(batch)
            liked = batch.with_columns((pl.col("rating") >= 4).alias("liked"))
            self.edges.add(liked.select(*_EDGES, pl.col("liking").alias("hash")))
            if self.edges.most:
                edges.write_table(liked.select(*_EDGES).to_arrow().cast(pa.schema(_EDGES.items())))

    def _keep(self, batch: pl.DataFrame) -> None:
        """Show a batch to every sample."""
        rated = batch.filter(pl.col("chars").is_between(SHORTEST, LONGEST_RATED))
        for stars, sample in self.rated.items():
            sample.add(_shown(rated.filter(pl.col("rating") == stars), "rated"))
        shown = batch.filter(pl.col("chars").is_between(SHORTEST, LONGEST))
        self.written.add(_shown(shown, "written"))
        self.pool.add(_shown(shown, "pooled"))
        # a review without a vote may just not have been seen
        self.voted.add(_shown(shown.filter(pl.col("helpful_vote") > 0), "voted"))

    def _products(
        self, written: Sample, voted: Sample, pool: pl.DataFrame, found: Graph
    ) -> pl.DataFrame:
        """The products that may be asked about or shown, with clean titles."""
        wanted = [frame["product"] for frame in (written.rows, voted.rows, pool)]
        wanted += [found.together[name] for name in ("product", "other")]
        named = (
            self.rows.tables["products"]
            .with_columns(product_key().alias("product"))
            .filter(pl.col("product").is_in(pl.concat(wanted).unique().implode()))
            .select("product", "parent_asin", "title", "bought_together")
            .collect(engine="streaming")
            .sort("product", "title")
            .unique("product", keep="last", maintain_order=True)  # a missing title comes first
        )
        named = named.with_columns(clean(named["title"])).drop_nulls("title")
        return named.with_columns(words(pl.col("title")).alias("words"))


def _shown(rows: pl.DataFrame, by: str) -> pl.DataFrame:
    return rows.drop("hash", strict=False).rename({by: "hash"}).select(_TEXTS)


def _sample(kept: Smallest) -> Sample:
    return Sample(_once(kept.rows()).drop("hash"), kept.whole)


def _once(rows: pl.DataFrame) -> pl.DataFrame:
    """Marks all but one of equal reviews."""
    rows = rows.sort("review", "text", "rating", "title", "row")
    return rows.with_columns((~pl.col("review").is_first_distinct()).alias("repeated"))


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
