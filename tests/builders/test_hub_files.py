"""Sources that the Hub has as files, or as parquet of another layout: the same samples.

As in `test_hub`, the real client talks to a local server, in a process of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

from builders import amazon_reviews, hub, mmlu
from builders.builder import Builder
from builders.errors import ShopmixError
from builders.llm.opened import DEMO
from builders.mmlu import LETTERS
from builders.source import open_source
from tests.builders.test_hub import end, start
from tests.conftest import BUILDERS, build, publish, samples_of
from tests.hub_server import HubServer, serving
from tests.reviews import CATEGORIES

HOME, SPORTS = CATEGORIES
#: Sources that are fetched as the files that they are published as.
WHOLE = [name for name in ("alpaca", "ecinstruct") if name in BUILDERS]
REVIEWS = str(amazon_reviews.BUILDER.source.repo)


@pytest.fixture
def server() -> Iterator[HubServer]:
    with serving() as found:
        yield found


def offer(server: HubServer, builder: Builder, folder: Path) -> str:
    """Serve the demo rows as the source's data set; returns the commit."""
    folder.mkdir()
    publish(folder, builder=builder)
    (folder / "README.md").write_text("---\nlicense: other\n---\n")
    (folder / "loader.py").write_text("raise SystemExit('nobody runs this')\n")
    return server.add(str(builder.source.repo), folder).commit


def run(
    home: Path, server: HubServer, name: str, *arguments: str, **environment: str
) -> tuple[int, str]:
    """Exit code and errors of the command."""
    code = ("-m", f"builders.{name}")
    given = (*arguments, "--ledger", str(DEMO))
    ended, _, errors = end(start(home, server.url, *given, code=code, **environment))
    assert "Traceback" not in errors
    return ended, errors


def is_same(out: Path, local: Path, revision: str, *beside: str) -> bool:
    """Whether the samples are those of local rows, but for the revision."""
    found = dict(samples_of(out))
    for name, samples in samples_of(local):
        assert set(found[name]["source_revision"]) <= {revision}, name
        drop = ("source_revision", *beside)
        assert found[name].drop(drop).equals(samples.drop(drop)), name
    return sum(map(len, found.values())) > 50


@pytest.mark.parametrize("name", WHOLE)
def test_files_are_fetched_as_published(name: str, server: HubServer, tmp_path: Path) -> None:
    builder = BUILDERS[name]
    commit = offer(server, builder, tmp_path / "repo")
    assert run(tmp_path, server, name)[0] == 0
    assert is_same(tmp_path / "out", build(tmp_path / "demo", builder), commit)
    # that one file, once
    (file,) = builder.source.repo_files
    size = (tmp_path / "repo" / file).stat().st_size
    assert server.sent == {file: size}
    assert run(tmp_path, server, name)[0] == 0
    assert server.sent == {file: size}


def offer_mmlu(server: HubServer, folder: Path) -> str:
    """The demo rows as cais/mmlu has them: the auxiliary ones without a subject."""
    rows = open_source(mmlu.SOURCE, "demo").tables["questions"].collect()
    split, subject = mmlu._place()
    place = {letter: number for number, letter in enumerate(LETTERS)}
    found = rows.with_columns(
        split,
        pl.when(split != "auxiliary_train").then(subject).otherwise(pl.lit("")).alias("subject"),
        pl.concat_list(pl.col(LETTERS).fill_null("")).alias("choices"),
        pl.col("answer").replace_strict(place, default=-1, return_dtype=pl.Int64),
    )
    for (name,), part in found.partition_by("split", as_dict=True).items():
        for config in ("all", "astronomy"):
            file = folder / config / f"{name}-00000-of-00001.parquet"
            file.parent.mkdir(parents=True, exist_ok=True)
            part.select("question", "subject", "choices", "answer").write_parquet(file)
    return server.add(str(mmlu.SOURCE.repo), folder).commit


def test_mmlu_is_the_same_in_the_hub_s_layout(server: HubServer, tmp_path: Path) -> None:
    commit = offer_mmlu(server, tmp_path / "repo")
    assert run(tmp_path, server, "mmlu") == (0, "")
    demo = build(tmp_path / "demo", mmlu.BUILDER)
    assert is_same(tmp_path / "out", demo, commit, "id", "source_rows")
    # only the files of all subjects, and their rows have the names that local ones have
    assert {name.partition("/")[0] for name in server.sent} == {"all"}
    names = ("id", "source_rows")
    found, local = (
        pl.read_parquet(folder / "mmlu.general_knowledge.parquet").filter(
            pl.col("split") != "auxiliary_train"
        )
        for folder in (tmp_path / "out", demo)
    )
    assert len(found) > 50
    assert found.select(names).equals(local.select(names))


def test_categories_are_fetched_by_name(server: HubServer, tmp_path: Path) -> None:
    builder = amazon_reviews.BUILDER
    commit = offer(server, builder, tmp_path / "repo")
    assert run(tmp_path, server, "amazon_reviews", "--source", f"hub:{SPORTS},{HOME}")[0] == 0
    demo = build(tmp_path / "demo", builder)
    assert is_same(tmp_path / "out", demo, f"{commit}:{HOME}:{SPORTS}")
    assert len(server.sent) == 4
    # the order of their names is nothing new
    before = (tmp_path / "out" / "amazon_reviews.also_liked.json").stat().st_mtime_ns
    assert run(tmp_path, server, "amazon_reviews", "--source", f"hub:{HOME},{SPORTS}")[0] == 0
    assert (tmp_path / "out" / "amazon_reviews.also_liked.json").stat().st_mtime_ns == before


def test_one_category_is_that_alone(server: HubServer, tmp_path: Path) -> None:
    """Also if another one is in the cache, and in the folder of samples."""
    commit = offer(server, amazon_reviews.BUILDER, tmp_path / "repo")
    for part in (SPORTS, HOME):
        assert run(tmp_path, server, "amazon_reviews", "--source", f"hub:{part}")[0] == 0
        for _, samples in samples_of(tmp_path / "out"):
            assert set(samples["source_revision"]) <= {f"{commit}:{part}"}
            rows = samples["source_rows"].explode()
            rows = rows.filter(rows.str.starts_with("reviews:"))
            assert set(rows.str.split(":").list.get(1)) <= {part}
    assert len(server.sent) == 4


REFUSED = {
    "all": ("amazon_reviews", "hub", "too large to be fetched whole|--source hub:All_Beauty"),
    "none named": ("amazon_reviews", "hub:,", "too large to be fetched whole"),
    "unknown": ("amazon_reviews", "hub:Home", "no file raw/review_categories/Home.jsonl|demo"),
    "one unknown": ("amazon_reviews", f"hub:{HOME},Zoo", "no file raw/review_categories/Zoo.jsonl"),
    "no parts": ("alpaca", "hub:cleaned", "alpaca has no parts to choose from: take --source hub"),
    "no parquet parts": ("mmlu", "hub:all", "mmlu has no parts to choose from"),
    "not there": ("alpaca", "hub", "yahma/alpaca-cleaned cannot be read from http|--source demo"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_fetched_is_one_clear_error(
    case: str, server: HubServer, tmp_path: Path
) -> None:
    name, source, said = REFUSED[case]
    offer(server, amazon_reviews.BUILDER, tmp_path / "repo")
    code, errors = run(tmp_path, server, name, "--source", source)
    assert code == 2
    assert errors.count("error: ") == 1
    assert [part for part in said.split("|") if part not in errors] == []
    assert not server.sent
    assert not (tmp_path / "out").exists() or not list((tmp_path / "out").iterdir())


def test_a_connection_cut_again_and_again_is_an_error(server: HubServer, tmp_path: Path) -> None:
    """Nothing that is left of it looks like a whole file."""
    offer(server, amazon_reviews.BUILDER, tmp_path / "repo")
    name = f"raw/review_categories/{HOME}.jsonl"
    arguments = ("--source", f"hub:{HOME}", "--size", "5")
    server.interrupt = lambda file: file == name and server.sent[file] >= 20_000
    impatient = "import sys, time; time.sleep = lambda _: None; sys.argv[0] = 'builders'; "
    impatient += "from builders.amazon_reviews import __main__"
    code, _, errors = end(start(tmp_path, server.url, *arguments, code=("-c", impatient)))
    assert code == 2, errors
    assert f"{REVIEWS} cannot be read from {server.url}" in errors
    assert "Traceback" not in errors
    server.interrupt = None
    assert run(tmp_path, server, "amazon_reviews", *arguments)[0] == 0
    local = publish(tmp_path / "local", builder=amazon_reviews.BUILDER)
    for file in local.rglob(f"*{SPORTS}.jsonl"):
        file.unlink()
    demo = build(tmp_path / "demo", amazon_reviews.BUILDER, source=str(local), size=5)
    commit = server.repos[REVIEWS].commit
    found = dict(samples_of(tmp_path / "out"))
    for one, samples in samples_of(demo):
        assert set(found[one]["source_revision"]) <= {f"{commit}:{HOME}"}
        assert found[one].drop("source_revision").equals(samples.drop("source_revision"))


def test_a_source_that_is_not_on_the_hub_says_where_it_is() -> None:
    source = BUILDERS["amazon_m2"].source if "amazon_m2" in BUILDERS else None
    if source is None:
        from builders.source import Source

        source = Source("amazon_m2", "none", {}, obtain="join the challenge")
    assert source.repo is None
    with pytest.raises(ShopmixError, match="amazon_m2 is not on the Hub") as error:
        hub._named(source, [])
    assert source.obtain in str(error.value)
    assert "--source demo" in str(error.value)
