"""Bad rows, files and arguments: one clear error, or a counted reject and no sample harmed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from builders.cli import main
from builders.esci import BUILDER
from builders.sample import SCHEMA, prove
from builders.source import open_source
from tests.conftest import samples_of

_DEMO = open_source(BUILDER.source, "demo").tables
EXAMPLES, PRODUCTS = _DEMO["examples"].collect(), _DEMO["products"].collect()
E, P = (f"{table.stem}.parquet" for table in BUILDER.source.tables.values())
FEW = "title_for_query,query_for_bullets"
SETS = f"{FEW},title_for_description,brand_of_title,rank_products_for_query"
TITLE, BULLETS, DESCRIPTION = "product_title", "product_bullet_point", "product_description"
LABEL, LOST = "label is none of E, S, C, I", "judged product is not among the products"
UNTITLED, NULL = "product without title or locale", pl.lit(None, dtype=pl.String)
Tamper = Callable[[Path], object]
Command = Callable[..., "Run"]


def told(out: Path) -> dict[str, dict[str, Any]]:
    return {file.stem: json.loads(file.read_text("utf-8")) for file in sorted(out.glob("*.json"))}


def rejects(out: Path) -> dict[str, int]:
    return dict(told(out)["esci.title_for_query"]["source_rejects"])


def used(out: Path) -> set[str]:
    """The source's rows that samples are made of."""
    return {row for _, found in samples_of(out) for row in found["source_rows"].explode()}


class Run(NamedTuple):
    """How a run of the command ended, its rows and its samples."""

    code: object
    error: str
    rows: Path
    out: Path

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
        assert (self.code, self.error) == (0, "")
        theirs, kept = dict(samples_of(clean)), [name for name in SCHEMA if name != beside]
        return [n for n, own in samples_of(self.out) if not own[kept].equals(theirs[n][kept])]

    def refused(self, *said: str) -> bool:
        """It ended with one clear error that says all this, and wrote nothing."""
        assert self.code == 2
        assert self.error.count("error: ") == 1
        assert "Traceback" not in self.error
        assert [part for part in said if part not in self.error] == []
        return not self.out.is_dir() or not list(self.out.iterdir())


@pytest.fixture
def command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs the command on rows in the published layout, all demo rows where none are given."""

    def run(*arguments: str, tamper: Tamper = Path.exists, **rows: pl.DataFrame) -> Run:
        folder, out = tmp_path / "rows", tmp_path / "out"
        folder.mkdir()
        rows.get("examples", EXAMPLES).write_parquet(folder / E)
        rows.get("products", PRODUCTS).write_parquet(folder / P)
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


#: What is done to the files, or which arguments are given, and what the error must say.
UNUSABLE: dict[str, tuple[Tamper | list[str], str]] = {
    "no folder": (lambda folder: folder.rename(folder / "../gone"), "rows: no such folder|demo"),
    "no file": (lambda folder: (folder / P).unlink(), f"{P} is missing|--source demo"),
    "no column": (table(E, lambda t: t.drop("esci_label")), f"{E}|esci_label is missing|demo"),
    "cut": (file(P, lambda content: content[:9_000]), f"{P}|is the download complete?"),
    "empty": (file(E, lambda _: b""), f"{E}|is the download complete?"),
    "not parquet": (file(P, lambda _: b"id,name\n" * 9), f"{P}|cannot be read as parquet"),
    "pages of products": (file(P, lambda b: b[:4] + b"\xff" * 4_000 + b[4_004:]), f"{P}|complete"),
    "pages of examples": (file(E, lambda b: b[:4] + b"\xff" * 4_000 + b[4_004:]), f"{E}|complete"),
    "labels": (column("esci_label", pl.lit("Exact")), f"{LABEL}: 630"),
    "no titles": (column(TITLE, NULL), f"{UNTITLED}: 192"),
    "lists": (column(BULLETS, pl.col(BULLETS).str.split("\n")), f"{P}|{BULLETS}|List"),
    "ids": (column("query_id", pl.format("q{}", "query_id")), f"{E}|query_id|q102"),
    "no rows": (table(E, pl.DataFrame.clear), "no usable judgement (no rows)"),
    "size 0": (["--size", "0"], "--size 0: Input should be greater than 0"),
    "size abc": (["--size", "abc"], "--size: invalid int value: 'abc'"),
    "huge size": (["--size", "1" + "0" * 20], "--size 1000"),
    "set": (["--sets", "titel_for_query"], "'titel_for_query'|did you mean esci.title_for_query?"),
    "out": (["--out", f"{{}}/rows/{E}"], f"--out |rows/{E} cannot be written"),
    "below out": (["--out", f"{{}}/rows/{E}/a/b"], f"--out |rows/{E}/a/b cannot be written"),
}


@pytest.mark.parametrize("defect", UNUSABLE)
def test_what_cannot_be_used_is_an_error(defect: str, command: Command, tmp_path: Path) -> None:
    what, said = UNUSABLE[defect]
    given, tamper = (what, Path.exists) if isinstance(what, list) else ([], what)
    run = command(*(one.format(tmp_path) for one in given), tamper=tamper)
    assert run.refused(*said.split("|"))


def more(of: pl.DataFrame, name: str, *values: object, **changed: object) -> pl.DataFrame:
    """The first row once for each value of a column; `changed` in other columns."""
    rows = pl.concat([of[:1]] * len(values)).with_columns(pl.Series(name, values, of.schema[name]))
    return rows.with_columns(pl.lit(v, of.schema[n]).alias(n) for n, v in changed.items())


ASKED = EXAMPLES.filter(query_id=100)
# a product that this query was not judged for, and products that were never judged
JUDGED = more(more(ASKED, "example_id", 990_001), "product_id", "B0DEMOU090", esci_label="I")
BLANK = more(JUDGED, "query", None, "", " \t", "<br>&nbsp;")
NEW = more(PRODUCTS, "product_id", *"123456")

#: Rows to be left out, by the reason that counts them (where there is a *, any reason will do).
EXTRA: dict[str, pl.DataFrame] = {
    LABEL: more(JUDGED, "esci_label", "X", "Exact", "e", "", None),
    "judgement given twice": more(ASKED, "example_id", 1, 990_001),
    LOST: more(JUDGED, "product_id", "B0DEMOUX99", None),
    "empty query": BLANK.with_columns(query_id=pl.int_range(990, 994)),
    "product listed twice": PRODUCTS[:2],
    UNTITLED: NEW.with_columns(
        pl.Series(TITLE, [None, "", "\n ", "<p></p>", "Case", "Case"]),
        pl.Series("product_locale", ["us", "us", "es", "jp", "uk", None]),
    ),
    "* query of another locale": more(JUDGED, "product_locale", "jp"),
    "* no query id": more(JUDGED, "query_id", None),
    "* no example id": more(JUDGED, "example_id", None),
    "* no split": more(JUDGED, "split", None),
    "* another split": more(JUDGED, "split", "validation", query_id=990),
}


@pytest.mark.parametrize("reason", EXTRA)
def test_bad_rows_are_counted_and_left_out(reason: str, command: Command, demo: Path) -> None:
    extra = EXTRA[reason]
    name, whole = ("products", PRODUCTS) if TITLE in extra else ("examples", EXAMPLES)
    run = command(**{name: pl.concat([whole, extra])})
    assert run.intact()
    assert run.differing(demo) == []
    before, after = rejects(demo), rejects(run.out)
    assert sum(after.values()) == sum(before.values()) + len(extra)
    assert reason[0] == "*" or after[reason] == before.get(reason, 0) + len(extra)


LAYOUTS: dict[str, Tamper] = {
    "pandas' index": table(E, lambda found: found.with_row_index("__index_level_0__")),
    "query ids as text": column("query_id", pl.col("query_id").cast(pl.String)),
    "int32": column("query_id", pl.col("query_id").cast(pl.Int32)),
    "dictionary": column("esci_label", pl.col("esci_label").cast(pl.Categorical)),
    "string": arrow(pa.string()),
    "large_string": arrow(pa.large_string()),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_another_layout_is_no_defect(layout: str, command: Command, demo: Path) -> None:
    assert command("--sets", FEW, tamper=LAYOUTS[layout]).differing(demo, beside="") == []


def test_contradictory_judgements_are_both_left_out(command: Command, demo: Path) -> None:
    shown = pl.format("examples:{}", "example_id").is_in([*used(demo)])
    lone = PRODUCTS.unique(TITLE, keep="none")
    one = EXAMPLES.filter(shown, esci_label="E").join(lone, on="product_id", how="semi")[:1]
    other = one.with_columns(esci_label=pl.lit("I"), example_id=pl.lit(990_001, pl.Int64))
    run = command(examples=pl.concat([EXAMPLES, other]))
    assert run.intact()
    assert rejects(run.out)["judgements of a query and title contradict each other"] == 2
    assert not used(run.out) & {f"examples:{one['example_id'].item()}", "examples:990001"}


def test_a_query_with_one_product_is_not_ranked(command: Command, demo: Path) -> None:
    run = command(examples=pl.concat([EXAMPLES, more(JUDGED, "query", "pink cover", query_id=990)]))
    assert run.intact()
    name, reason = "esci.rank_products_for_query", "query with fewer than 5 judged products"
    assert name not in run.differing(demo)
    before, after = (told(out)[name]["rejects"] for out in (demo, run.out))
    assert after[reason] == before.get(reason, 0) + 1


def test_products_without_texts_are_asked_by_title_alone(command: Command, demo: Path) -> None:
    run = command(products=PRODUCTS.with_columns(**{BULLETS: NULL, DESCRIPTION: NULL}))
    assert run.intact()
    emptied = {name: told(run.out)[name] for name in run.differing(demo)}
    assert list(emptied) == ["esci.query_for_bullets", "esci.title_for_description"]
    for one in emptied.values():
        assert (one["made"], one["rejects"]["too little text"] > 0) == (0, True)


def test_products_without_title_are_in_no_sample(command: Command) -> None:
    lost = pl.col("product_id").str.ends_with("1")
    run = command(products=PRODUCTS.with_columns(pl.when(~lost).then(TITLE).alias(TITLE)))
    assert run.intact()
    assert rejects(run.out)[UNTITLED] == PRODUCTS.filter(lost).height
    assert rejects(run.out)[LOST] == EXAMPLES.filter(lost).height
    assert not [row for row in used(run.out) if row[:8] == "products" and row[-1] == "1"]


#: Put in place of a blank: what a shop's text may hold, and what of it no prompt may hold.
DIRT = {
    "entities": (" &amp;&nbsp;&#39;&#x27;&quot; ", ["&amp;", "&nbsp;", "&#", "&quot;", "\xa0"]),
    "escaped thrice": (" &amp;amp;lt;i&amp;amp;gt; ", ["&amp;", "&lt;", "<i>"]),
    "mark-up": ('<br/> <p class="x">&lt;b&gt;', ["<br", "<p", "&lt;", "<b>"]),
    "comment": (" <!-- not for you --> ", ["<!--", "-->", "not for"]),
    "mark-up in mark-up": (" <<b>i>", ["<b>", "<i>"]),
    "hidden": (" <\u200bb> &\u200bamp; &lt;&#8203;i&gt; ", ["<b>", "&amp;", "<i>"]),
    "controls": (" \x07\x1b\x7f\x85&#7;&#27; ", ["\x07", "\x1b", "\x7f", "\x85", "&#"]),
    "invisible": ("\u200b \u202e\ufeff\u00ad", ["\u200b", "\u202e", "\ufeff", "\u00ad"]),
    "blanks": (" \t\u2028\u3000\xa0 ", ["\t", "\u2028", "\u3000", "\xa0"]),
}


@pytest.mark.parametrize("dirt", DIRT)
def test_no_prompt_holds_mark_up_or_controls(dirt: str, command: Command) -> None:
    put, gone = DIRT[dirt]
    query, texts = (
        pl.col(columns).str.replace(" ", put, literal=True)
        for columns in ("query", [TITLE, BULLETS, DESCRIPTION, "product_brand"])
    )
    run = command(examples=EXAMPLES.with_columns(query), products=PRODUCTS.with_columns(texts))
    assert run.intact()
    for name, found in samples_of(run.out):
        assert len(found) > 10, name
        prompts = "".join(found["messages"].list.get(1).struct.field("content"))
        assert [mark for mark in gone if mark in prompts] == [], name


def test_template_mark_up_in_a_title_is_a_counted_reject(command: Command) -> None:
    title = pl.col(TITLE).str.replace("Case", "{{ x }} {% y %}", literal=True)
    run = command(products=PRODUCTS.with_columns(title))
    assert run.intact()
    assert min(one["made"] for one in told(run.out).values()) > 10
    assert told(run.out)["esci.title_for_query"]["rejects"]["text holds template mark-up"] > 0


def test_titles_equal_but_for_a_letter_are_no_bug(command: Command) -> None:
    """Sharp s and ss, micro and mu: equal in one way of ignoring case, not in another."""
    ways, titles = (" Straße 9 µm", " STRASSE 9 μm"), PRODUCTS[TITLE]
    pairs = [titles[i - i % 2] + ways[i % 2] for i in range(len(titles))]
    assert command(products=PRODUCTS.with_columns(pl.Series(TITLE, pairs))).intact()


@pytest.mark.parametrize("manifest", [None, b"", b"\xff\xfe{", b"null", b"[]", b'{"made": 1}'])
def test_an_unfinished_run_is_built_anew(
    manifest: bytes | None, command: Command, demo: Path, tmp_path: Path
) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "esci.title_for_query.parquet").write_bytes(b"PAR1, broken off")
    if manifest is not None:
        (tmp_path / "out" / "esci.title_for_query.json").write_bytes(manifest)
    assert command("--sets", FEW).differing(demo, beside="") == []
