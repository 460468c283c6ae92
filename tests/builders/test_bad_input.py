"""Bad rows, files and arguments: one clear error, or a counted reject and no sample harmed."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from builders.cli import main
from builders.esci import BUILDER
from builders.sample import prove
from builders.source import open_source
from tests.conftest import samples_of

_DEMO = open_source(BUILDER.source, "demo").tables
EXAMPLES, PRODUCTS = _DEMO["examples"].collect(), _DEMO["products"].collect()
E, P = (f"{table.stem}.parquet" for table in BUILDER.source.tables.values())
SETS = "title_for_query,query_for_bullets,title_for_description,brand_of_title,"
SETS += "rank_products_for_query,relation_of_query_and_product"
TITLE, BULLETS, DESCRIPTION = "product_title", "product_bullet_point", "product_description"
LABEL, LOST = "label is none of E, S, C, I", "judged product is not among the products"
UNTITLED, NULL = "product without title or locale", pl.lit(None, dtype=pl.String)
Tamper = Callable[[Path], object]


def told(out: Path) -> dict[str, dict[str, Any]]:
    """The manifests of a folder of samples, by set."""
    return {file.stem: json.loads(file.read_text()) for file in sorted(out.glob("*.json"))}


def used(out: Path) -> set[str]:
    """The source's rows that samples are made of."""
    return {row for _, found in samples_of(out) for row in found["source_rows"].explode()}


@dataclass(frozen=True)
class Run:
    """How a run of the command ended, its rows and its samples."""

    code: object
    error: str
    rows: Path
    out: Path

    def rejects(self) -> dict[str, int]:
        """Rejected rows of the source, by reason."""
        return dict(next(iter(told(self.out).values()))["source_rejects"])

    def intact(self) -> bool:
        """It ended well, and each of its samples proves itself and names rows that exist."""
        assert (self.code, self.error) == (0, "")
        refs, rows = used(self.out), open_source(BUILDER.source, str(self.rows))
        assert set(BUILDER.lookup(rows, [*refs])) == refs
        for name, found in samples_of(self.out):
            assert told(self.out)[name]["made"] == len(found)
            assert set(found["split"]) <= {"train", "test"}
            for one in found.iter_rows(named=True):
                _, prompt, answer = (message["content"] for message in one["messages"])
                truth, fields = json.loads(one["truth"]), json.loads(one["fields"])
                prove(one["task_type"], one["metric"], prompt, answer, truth, fields)
        return True

    def differing(self, clean: Path, beside: str = "source_revision") -> list[str]:
        """The sets whose samples differ from the clean ones in more than the column `beside`."""
        pairs = [(n, s, pl.read_parquet(clean / f"{n}.parquet")) for n, s in samples_of(self.out)]
        pairs = [(n, *(one.drop(beside, strict=False) for one in both)) for n, *both in pairs]
        return [name for name, ours, theirs in pairs if not ours.equals(theirs)]

    def refused(self, *said: str) -> bool:
        """It ended with one clear error that says all this, and wrote nothing."""
        assert self.code == 2
        assert self.error.count("error: ") == 1
        assert "Traceback" not in self.error
        assert [part for part in said if part not in self.error] == []
        return not self.out.is_dir() or not list(self.out.iterdir())


Command = Callable[..., Run]


@pytest.fixture
def command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs the command on rows in the published layout, all demo rows where none are given."""

    def run(
        *arguments: str,
        examples: pl.DataFrame = EXAMPLES,
        products: pl.DataFrame = PRODUCTS,
        tamper: Tamper = lambda folder: None,
    ) -> Run:
        folder, out = tmp_path / "rows", tmp_path / "out"
        folder.mkdir()
        examples.write_parquet(folder / E)
        products.write_parquet(folder / P)
        tamper(folder)
        with pytest.raises(SystemExit) as ended:
            main(BUILDER, ["--source", str(folder), "--out", str(out), "--sets", SETS, *arguments])
        return Run(ended.value.code, capsys.readouterr().err, folder, out)

    return run


def file(name: str, change: Callable[[bytes], bytes]) -> Tamper:
    return lambda folder: (folder / name).write_bytes(change((folder / name).read_bytes()))


def table(name: str, change: Callable[[pl.DataFrame], pl.DataFrame]) -> Tamper:
    return lambda folder: change(pl.read_parquet(folder / name)).write_parquet(folder / name)


def column(name: str, to: pl.Expr) -> Tamper:
    of = E if name in EXAMPLES.columns else P
    return table(of, lambda found: found.with_columns(to.alias(name)))


def arrow(kind: pa.DataType) -> Tamper:
    """Products with all texts of this type, as pyarrow writes them."""
    schema = pa.schema([(name, kind) for name in PRODUCTS.columns])
    return lambda folder: pq.write_table(PRODUCTS.to_arrow().cast(schema), folder / P)


def cut(content: bytes) -> bytes:
    return content[: len(content) // 2]


def overwritten(content: bytes) -> bytes:
    """The pages of the first half are gone; the footer is as it was."""
    return content[:4] + b"\xff" * (len(content) // 2) + content[len(content) // 2 + 4 :]


#: What is done to the files, and what the error must say.
UNUSABLE: dict[str, tuple[Tamper, str]] = {
    "no folder": (shutil.rmtree, "rows: no such folder|demo"),
    "no file": (lambda folder: (folder / P).unlink(), f"{P} is missing|--source demo"),
    "no label": (table(E, lambda t: t.drop("esci_label")), f"{E}|esci_label is missing|demo"),
    "no brand": (table(P, lambda t: t.drop("product_brand")), f"{P}|product_brand is missing"),
    "cut": (file(P, cut), f"{P}|is the download complete?"),
    "empty": (file(E, lambda _: b""), f"{E}|is the download complete?"),
    "not parquet": (file(P, lambda _: b"id,name\n" * 9), f"{P}|cannot be read as parquet"),
    "pages of products": (file(P, overwritten), f"{P}|complete"),
    "pages of examples": (file(E, overwritten), f"{E}|complete"),
    "labels": (column("esci_label", pl.lit("Exact")), f"{LABEL}: 630"),
    "no titles": (column(TITLE, NULL), f"{UNTITLED}: 192"),
    "lists": (column(BULLETS, pl.col(BULLETS).str.split("\n")), f"{P}|{BULLETS}|List"),
    "ids": (column("query_id", pl.format("q{}", "query_id")), f"{E}|query_id|q102"),
    "no rows": (table(E, pl.DataFrame.clear), "no usable judgement (no rows)"),
}


@pytest.mark.parametrize("defect", UNUSABLE)
def test_unusable_rows_are_an_error(defect: str, command: Command) -> None:
    tamper, said = UNUSABLE[defect]
    assert command(tamper=tamper).refused(*said.split("|"))


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("--size", "0", "--size 0: Input should be greater than 0"),
        ("--size", "abc", "--size: invalid int value: 'abc'"),
        ("--size", "1" + "0" * 20, "--size 1000"),
        ("--limit", "-1", "--limit -1: Input should be greater than 0"),
        ("--sets", "titel_for_query", "'titel_for_query': did you mean esci.title_for_query?"),
    ],
)
def test_unusable_arguments_are_errors(
    option: str, value: str, said: str, command: Command
) -> None:
    assert command(option, value).refused(said)


@pytest.mark.parametrize("below", [".", "deeper"])
def test_a_file_in_the_way_is_an_error(below: str, command: Command, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("mine")
    out = tmp_path / "taken" / below
    assert command("--out", str(out)).refused(f"--out {out} cannot be written")
    assert (tmp_path / "taken").read_text() == "mine"


FIRST = EXAMPLES.filter(query_id=100)[:1]


def judgement(**values: object) -> pl.DataFrame:
    """One more example: a query of the demo and a product it was not judged for."""
    ours = {"example_id": 990_001, "product_id": "B0DEMOU090", "esci_label": "I", **values}
    return FIRST.with_columns(pl.lit(v, EXAMPLES.schema[n]).alias(n) for n, v in ours.items())


def product(i: int, **values: str | None) -> pl.DataFrame:
    """One more product, which nobody judged."""
    ours = {"product_id": f"B0DEMOUX{i:02}", **values}
    return PRODUCTS[:1].with_columns(pl.lit(v, pl.String).alias(n) for n, v in ours.items())


#: Rows to be left out, by the reason that counts them (where there is a *, any reason will do).
EXTRA: dict[str, list[pl.DataFrame]] = {
    LABEL: [judgement(esci_label=label) for label in ("X", "Exact", "e", "", None)],
    "judgement given twice": [FIRST, FIRST.with_columns(example_id=pl.lit(990_001, pl.Int64))],
    LOST: [judgement(product_id=one) for one in ("B0DEMOUX99", None)],
    "empty query": [
        judgement(query_id=990 + i, query=query)
        for i, query in enumerate((None, "", " \t", "<br>&nbsp;"))
    ],
    "product listed twice": [PRODUCTS[:1], PRODUCTS[:1]],
    UNTITLED: [product(i, product_title=t) for i, t in enumerate((None, "", "\n ", "<p></p>"))]
    + [product(i, product_locale=locale) for i, locale in ((8, "uk"), (9, None))],
    "* query of another locale": [judgement(product_locale="jp")],
    "* no query id": [judgement(query_id=None)],
    "* no example id": [judgement(example_id=None)],
    "* no split": [judgement(split=None)],
    "* another split": [judgement(query_id=990, split="validation")],
}


@pytest.mark.parametrize("reason", EXTRA)
def test_bad_rows_are_counted_and_change_no_sample(
    reason: str, command: Command, demo: Path
) -> None:
    extra = EXTRA[reason]
    name, whole = ("products", PRODUCTS) if TITLE in extra[0] else ("examples", EXAMPLES)
    run = command(**{name: pl.concat([whole, *extra])})
    assert run.intact()
    assert run.differing(demo) == []
    before, after = told(demo)["esci.title_for_query"]["source_rejects"], run.rejects()
    assert sum(after.values()) == sum(before.values()) + len(extra)
    assert reason[0] == "*" or after[reason] == before.get(reason, 0) + len(extra)


LAYOUTS: dict[str, Tamper] = {
    "pandas' index": table(E, lambda found: found.with_row_index("__index_level_0__")),
    "query ids as text": column("query_id", pl.col("query_id").cast(pl.String)),
    "int32": column("query_id", pl.col("query_id").cast(pl.Int32)),
    "dictionary": column("esci_label", pl.col("esci_label").cast(pl.Categorical)),
    "reversed": table(P, lambda found: found.reverse().select(reversed(found.columns))),
    "string": arrow(pa.string()),
    "large_string": arrow(pa.large_string()),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_another_layout_is_no_defect(layout: str, command: Command, demo: Path) -> None:
    run = command(tamper=LAYOUTS[layout])
    assert run.intact()
    assert run.differing(demo, beside="") == []


def test_contradictory_judgements_are_both_left_out(command: Command, demo: Path) -> None:
    shown = pl.format("examples:{}", "example_id").is_in([*used(demo)])
    lone = PRODUCTS.unique(TITLE, keep="none")
    one = EXAMPLES.filter(shown, esci_label="E").join(lone, on="product_id", how="semi")[:1]
    other = one.with_columns(esci_label=pl.lit("I"), example_id=pl.lit(990_001, pl.Int64))
    run = command(examples=pl.concat([EXAMPLES, other]))
    assert run.intact()
    assert run.rejects()["judgements of a query and title contradict each other"] == 2
    assert not used(run.out) & {f"examples:{one['example_id'].item()}", "examples:990001"}


def test_a_query_with_one_product_is_not_ranked(command: Command, demo: Path) -> None:
    run = command(examples=pl.concat([EXAMPLES, judgement(query_id=990, query="pink cover")]))
    assert run.intact()
    name, reason = "esci.rank_products_for_query", "query with fewer than 5 judged products"
    assert name not in run.differing(demo)
    before, after = (told(out)[name]["rejects"] for out in (demo, run.out))
    assert after[reason] == before.get(reason, 0) + 1


def test_products_without_texts_are_asked_by_title_alone(command: Command, demo: Path) -> None:
    run = command(products=PRODUCTS.with_columns(**{BULLETS: NULL, DESCRIPTION: NULL}))
    assert run.intact()
    emptied = ["esci.query_for_bullets", "esci.title_for_description"]
    assert run.differing(demo) == emptied
    for one in (told(run.out)[name] for name in emptied):
        assert (one["made"], list(one["rejects"])) == (0, ["too little text"])


def test_products_without_title_are_in_no_sample(command: Command) -> None:
    lost = pl.col("product_id").str.ends_with("1")
    run = command(products=PRODUCTS.with_columns(pl.when(~lost).then(TITLE).alias(TITLE)))
    assert run.intact()
    assert run.rejects()[UNTITLED] == PRODUCTS.filter(lost).height
    assert run.rejects()[LOST] == EXAMPLES.filter(lost).height
    assert not [row for row in used(run.out) if row[:8] == "products" and row[-1] == "1"]


#: Put in place of a blank: what a shop's text may hold, and what of it no prompt may hold.
DIRT = {
    "entities": (" &amp;&nbsp;&#39;&#x27;&quot; ", ["&amp;", "&nbsp;", "&#", "&quot;", "\xa0"]),
    "escaped thrice": (" &amp;amp;lt;i&amp;amp;gt; ", ["&amp;", "&lt;", "<i>"]),
    "mark-up": ('<br/> <p class="x">&lt;b&gt;', ["<br", "<p", "&lt;", "<b>"]),
    "comment": (" <!-- not for\nyou --> ", ["<!--", "-->", "not for"]),
    "mark-up in mark-up": (" <<b>i>", ["<b>", "<i>"]),
    "hidden": (" <\u200bb> &\u200bamp; ", ["<b>", "&amp;"]),
    "controls": (" \x07\x1b\x7f\x85&#7;&#27; ", ["\x07", "\x1b", "\x7f", "\x85", "&#"]),
    "invisible": ("\u200b \u202e\ufeff\u00ad", ["\u200b", "\u202e", "\ufeff", "\u00ad"]),
    "blanks": (" \t\u2028\u3000\xa0 ", ["\t", "\u2028", "\u3000", "\xa0"]),
}


@pytest.mark.parametrize("dirt", DIRT)
def test_no_prompt_holds_mark_up_or_controls(dirt: str, command: Command) -> None:
    put, gone = DIRT[dirt]
    texts = pl.col(TITLE, BULLETS, DESCRIPTION, "product_brand")
    run = command(
        examples=EXAMPLES.with_columns(pl.col("query").str.replace(" ", put, literal=True)),
        products=PRODUCTS.with_columns(texts.str.replace(" ", put, literal=True)),
    )
    assert run.intact()
    for name, found in samples_of(run.out):
        assert len(found) > 10, name
        prompts = "".join(found["messages"].list.get(1).struct.field("content"))
        assert [mark for mark in gone if mark in prompts] == [], name


def test_template_mark_up_in_a_title_is_a_counted_reject(command: Command) -> None:
    marked = pl.col("product_id").str.ends_with("1")
    title = pl.when(marked).then(TITLE + pl.lit(" {{ x }} {% y %}")).otherwise(TITLE).alias(TITLE)
    run = command(products=PRODUCTS.with_columns(title))
    assert run.intact()
    assert min(one["made"] for one in told(run.out).values()) > 10
    assert told(run.out)["esci.title_for_query"]["rejects"]["text holds template mark-up"] > 0


def test_titles_equal_but_for_a_letter_are_no_bug(command: Command) -> None:
    """Sharp s and ss, micro and mu: equal in one way of ignoring case, not in another."""
    ways = "Straße 9 µm {} phone", "STRASSE 9 μm {} PHONE case clear"
    judged = EXAMPLES.filter(query_id=100).unique("product_id", maintain_order=True)["product_id"]
    titles = {one: ways[i % 2].format(i // 2) for i, one in enumerate(judged)}
    changed = pl.col("product_id").replace_strict(titles, default=pl.col(TITLE)).alias(TITLE)
    assert command(products=PRODUCTS.with_columns(changed)).intact()


@pytest.mark.parametrize("manifest", [None, b"", b"\xff\xfe{", b"null", b"[]", b'{"made": 1}'])
def test_an_unfinished_earlier_run_is_built_anew(
    manifest: bytes | None, command: Command, demo: Path, tmp_path: Path
) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "esci.title_for_query.parquet").write_bytes(b"PAR1, broken off")
    if manifest is not None:
        (tmp_path / "out" / "esci.title_for_query.json").write_bytes(manifest)
    run = command()
    assert run.intact()
    assert run.differing(demo, beside="") == []
