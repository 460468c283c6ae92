"""ECInstruct's questions composed by an LLM: what survives, and what the set's wordings ask."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from builders.build import Building
from builders.builder import Set
from builders.draw import Draw
from builders.ecinstruct import BUILDER
from builders.ecinstruct.composers import BEGINNINGS, COMPOSERS
from builders.llm.compose import Question
from builders.llm.ledger import Ledger
from builders.llm.request import Request
from builders.render import TEMPLATES, jinja
from builders.sample import MAX_PROMPT_CHARS
from builders.source import Content, open_source
from tests.conftest import SETS, build
from tests.ecinstruct import manifest, row, samples
from tests.llm_answers import answered

MODEL = "writer-1"
#: What each set's questions say in these tests; {0} and {1} stand for what is to be quoted.
SAID = {
    "attribute_value": "Which words of the text below tell the '{0}' of '{1}'?",
    "relevance_of_product": "How relevant to the query '{0}' is the product '{1}'?",
    "relation_of_products": "How do shoppers relate '{0}' and '{1}'?",
    "products_for_query": "Which products below suit the query '{0}' best?",
    "next_product": "Which candidate comes after '{0}' in this history?",
    "answerable": "Do the reviews below answer the question '{0}' or not?",
    "same_product": "Are '{0}' and '{1}' the same product?",
    "substitute_for_query": "For the query '{0}', is '{1}' a substitute or all of it?",
    "sentiment_of_review": "How does the writer of '{0}' feel, all in all?",
}
QUOTED = {
    "attribute_value": ("attribute", "title"),
    "relevance_of_product": ("query", "title"),
    "relation_of_products": ("first", "second"),
    "products_for_query": ("query",),
    "next_product": ("latest",),
    "answerable": ("question",),
    "same_product": ("first_title", "second_title"),
    "substitute_for_query": ("query", "product"),
    "sentiment_of_review": ("opening",),
}
Seed = dict[str, Any]


def set_of(name: str) -> Set:
    return SETS[f"ecinstruct.{name}"]


def rows_of(source: str) -> Content:
    return BUILDER.read(open_source(BUILDER.source, source), 0, None, {})


def seeds(name: str, source: str = "demo") -> list[Seed]:
    """What an LLM is shown for each question of a set, in their order."""
    draw = Draw(0, set_of(name).name, 0, 1_000)
    questions = set_of(name).make(rows_of(source), draw).filter(pl.col("reject").is_null())
    return questions.select(sorted(COMPOSERS[name].file.variables)).to_dicts()


def says(name: str, seed: Seed, said: str | None = None) -> str:
    """A question as it should be, or another one that quotes the same."""
    return (said or SAID[name]).format(*(seed[field] for field in QUOTED[name]))


def filled(path: Path, name: str, say: Callable[[Seed], str], source: str = "demo") -> list[str]:
    """A ledger with an answer to all that a set asks; gives their keys."""
    ledger = Ledger(path)
    told = {str(seed): (seed, {"composed": say(seed)}) for seed in seeds(name, source)}
    keys = answered(ledger, COMPOSERS[name], MODEL, told.values())
    ledger.close()
    return keys


def composed(folder: Path, ledger: Path, name: str, **settings: object) -> list[dict[str, Any]]:
    """The samples of a set with the answers of a ledger, and no one there to give more."""
    llm = f"ledger:{MODEL}"
    build(folder, BUILDER, sets=(name,), llm=llm, ledger=ledger, **settings)
    return samples(folder, name)


def plain(name: str, source: str = "demo") -> list[dict[str, Any]]:
    """The samples of a set without an LLM."""
    built = Building(BUILDER, set_of(name), 1_000, 0).build(rows_of(source), lambda *_: None)
    told = built.samples.to_dicts()
    return [one | {key: json.loads(one[key]) for key in ("fields", "truth")} for one in told]


def prompt_of(sample: dict[str, Any]) -> str:
    return str(sample["messages"][1]["content"])


@pytest.mark.parametrize("name", COMPOSERS)
def test_a_composed_question_says_what_the_set_has_to_say(name: str, tmp_path: Path) -> None:
    keys = filled(tmp_path / "ledger", name, lambda seed: says(name, seed))
    found = composed(tmp_path / "out", tmp_path / "ledger", name)
    assert manifest(tmp_path / "out", name)["composed"] == {"composed": len(found)}
    for sample in found:
        fields, prompt = sample["fields"], prompt_of(sample)
        assert prompt.startswith(fields["composed"])
        path = sample["template"].partition("@")[0]
        assert "/composed/" in path
        assert prompt == jinja().from_string((TEMPLATES / path).read_text("utf-8")).render(fields)
        assert sample["generator"] == f"test:{MODEL}"
        assert len(sample["llm_calls"]) == 1 and sample["llm_calls"][0] in keys
        told = [value for key, value in fields.items() if key not in ("reasons", "composed")]
        texts = [text for value in told for text in (value if isinstance(value, list) else [value])]
        assert texts and all(text in prompt for text in texts)
    assert len({sample["template"] for sample in found}) == 2


@pytest.mark.parametrize("name", COMPOSERS)
def test_composing_changes_how_is_asked_and_nothing_else(name: str, tmp_path: Path) -> None:
    filled(tmp_path / "ledger", name, lambda seed: says(name, seed))
    found = composed(tmp_path / "out", tmp_path / "ledger", name)
    how = ("messages", "template", "generator", "llm_calls")
    for one, other in zip(found, plain(name), strict=True):
        one["fields"].pop("composed")
        assert one["messages"][::2] == other["messages"][::2]
        assert one | dict.fromkeys(how) == other | dict.fromkeys(how)


@pytest.mark.parametrize("name", COMPOSERS)
def test_where_composing_fails_the_wordings_ask(name: str, tmp_path: Path) -> None:
    def say(seed: Seed) -> str:
        """Right, with a number of its own, or without what is to be quoted."""
        turn = len(str(seed)) % 3
        good = says(name, seed)
        return (good, f"You have 97 seconds. {good}", "Decide by what stands below.")[turn]

    filled(tmp_path / "ledger", name, say)
    found = composed(tmp_path / "out", tmp_path / "ledger", name)
    told = manifest(tmp_path / "out", name)["composed"]
    assert set(told) == {
        "composed",
        "composed question has a number of its own",
        f"composed question does not quote the {QUOTED[name][0]}",
    }
    assert sum(told.values()) == len(found)
    assert sum("composed" in one["fields"] for one in found) == told["composed"]
    for one, other in zip(found, plain(name), strict=True):
        assert one["id"] == other["id"]
        if "composed" not in one["fields"]:
            assert one == other
            assert (one["generator"], one["llm_calls"]) == (None, [])


def test_the_same_answers_give_the_same_bytes_and_a_small_draw_begins_a_large_one(
    tmp_path: Path,
) -> None:
    name = "relevance_of_product"
    filled(tmp_path / "ledger", name, lambda seed: says(name, seed))
    whole = composed(tmp_path / "a", tmp_path / "ledger", name)
    composed(tmp_path / "b", tmp_path / "ledger", name)
    for end in ("parquet", "json"):
        file = f"ecinstruct.{name}.{end}"
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()
    assert composed(tmp_path / "c", tmp_path / "ledger", name, size=7) == whole[:7]


def test_an_answer_that_comes_later_changes_its_own_sample_alone(tmp_path: Path) -> None:
    name = "answerable"
    filled(tmp_path / "ledger", name, lambda seed: says(name, seed))
    whole = composed(tmp_path / "out", tmp_path / "ledger", name)
    ledger = Ledger(tmp_path / "ledger")
    (key,) = whole[3]["llm_calls"]
    ledger.write("DELETE FROM answers WHERE key=?", [(key,)])
    ledger.write("DELETE FROM attempts WHERE key=?", [(key,)])
    ledger.close()
    fewer = composed(tmp_path / "out", tmp_path / "ledger", name)
    assert [i for i, one in enumerate(fewer) if one != whole[i]] == [3]
    told = {"composed": len(whole) - 1, "no answer in the ledger": 1}
    assert manifest(tmp_path / "out", name)["composed"] == told


def test_questions_are_composed_for_what_is_wanted_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    init = Request.__init__

    def counted(self: Request, *args: Any, **more: Any) -> None:
        init(self, *args, **more)
        asked.append(self.text)

    name = "relation_of_products"  # ten of its 25 inputs are rejected
    filled(tmp_path / "ledger", name, lambda seed: says(name, seed))
    monkeypatch.setattr(Request, "__init__", counted)
    found = composed(tmp_path / "out", tmp_path / "ledger", name)
    assert len(asked) == len(set(asked)) == len(found)


def test_a_composed_prompt_that_is_too_long_gives_way_to_a_wording(tmp_path: Path) -> None:
    name, folder = "sentiment_of_review", tmp_path / "rows"
    shown = ["A: very positive", "B: positive", "C: neutral", "D: negative", "E: very negative"]
    reviews = ("The lamp stands where I put it.", "The lamp stands where I put it. " * 112)
    rows = [row("Sentiment_Analysis", one, "C", shown) for one in reviews]
    folder.mkdir()
    (folder / "dataset.json").write_text(json.dumps(rows), "utf-8")
    more = "Weigh all that it says," + " all" * 90 + "."
    filled(tmp_path / "ledger", name, lambda seed: f"{says(name, seed)} {more}", str(folder))
    found = composed(tmp_path / "out", tmp_path / "ledger", name, source=str(folder))
    told = manifest(tmp_path / "out", name)["composed"]
    assert told == {"composed": 1, f"prompt longer than {MAX_PROMPT_CHARS} characters": 1}
    assert [one["id"] for one in found] == [one["id"] for one in plain(name, str(folder))]


@pytest.mark.parametrize("name", COMPOSERS)
def test_the_examples_of_a_prompt_are_as_its_answers_must_be(name: str) -> None:
    task = COMPOSERS[name]
    fields = re.sub(r"\\{\\{\\ (\w+)\\ \\}\\}", r"(?P<\1>.+)", re.escape(task.file.last))
    shown = [text for role, text in task.file.messages if role != "system"]
    begun = set()
    for asked, answer in zip(shown[::2], shown[1::2], strict=True):
        found = re.fullmatch(fields, asked)
        assert found and task.flaw(answer) is None
        assert task.check(task.read(answer), found.groupdict()) is None
        assert task.read(answer).composed.startswith(f"{found['begin']} ")
        begun.add(found["begin"])
    assert begun == set(BEGINNINGS[name])


@pytest.mark.parametrize("name", COMPOSERS)
def test_an_ending_has_the_question_and_the_format(name: str) -> None:
    endings = set_of(name).endings()
    assert len(endings) == 2
    for ending in endings:
        assert ending.text.startswith("{{ composed }}\n")
        assert ("number" in ending.text) == set_of(name).options


@pytest.mark.parametrize(
    ("name", "said", "flaw"),
    [
        ("attribute_value", "The '{0}' of '{1}' is gel. Mark it below.", "claims an answer"),
        ("relevance_of_product", "'{1}' matches '{0}'. How well does it?", "claims an answer"),
        ("relation_of_products", "'{0}' goes with '{1}'. Are they related?", "claims an answer"),
        ("same_product", "Here are two different products, '{0}' and '{1}'. Which is it?",
         "claims an answer"),
        ("substitute_for_query", "For '{0}' use '{1}' instead. What is the product?",
         "claims an answer"),
        ("answerable", "Do the reviews below say enough about '{0}' or not?", None),
        ("answerable", "The reviews answer '{0}' below. Decide what is true.", "claims an answer"),
        ("sentiment_of_review", "How disappointed is the writer of '{0}' below?",
         "tells the answer"),
        ("sentiment_of_review", "How happy is the writer of '{0}' below?", None),
        ("sentiment_of_review", "How negative is the review below, from '{0}' on?",
         "tells the answer"),
        ("sentiment_of_review", "Is the review from '{0}' on positive or negative?", None),
    ],
)  # fmt: skip
def test_a_question_that_leads_is_not_asked(name: str, said: str, flaw: str | None) -> None:
    seed = seeds(name)[0]
    found = COMPOSERS[name].check(Question(composed=says(name, seed, said)), seed)
    assert found == (flaw and f"composed question {flaw}")
