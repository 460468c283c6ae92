"""The gate: what it refuses, what it lets through, and what it says of it."""

from __future__ import annotations

import json
import random
import re
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from builders.errors import ShopmixError
from builders.mixture import leaks
from builders.mixture.benchmark import Benchmark, benchmark, digest, read_benchmark, split_options
from builders.mixture.leaks import SCHEMA, Gate, gate
from builders.render import TEMPLATES
from tests.conftest import SHARED, samples_of
from tests.mixture.test_benchmark import QUESTIONS, SHIPPED

WORDINGS = [file.read_text("utf-8") for file in sorted(TEMPLATES.rglob("*.j2"))]
DEVELOPMENT = SHARED / "shopbench" / "development.json"


def sample(prompt: str, made: str = "a.set", **fields: Any) -> dict[str, Any]:
    roles = ("system", "user", "assistant")
    messages = [{"role": role, "content": prompt if role == "user" else "x"} for role in roles]
    said = json.dumps(fields, ensure_ascii=False)
    return {"id": prompt[:8], "set": made, "messages": messages, "fields": said}


def frame(*samples: dict[str, Any]) -> pl.DataFrame:
    return pl.DataFrame(list(samples))


@pytest.fixture(scope="module")
def asked() -> Benchmark:
    return read_benchmark(QUESTIONS)


@pytest.fixture(scope="module")
def texts(asked: Benchmark) -> tuple[str, ...]:
    assert asked.texts is not None
    return asked.texts


@pytest.fixture(scope="module")
def made(asked: Benchmark) -> Gate:
    return gate([asked], WORDINGS)


def test_hits_tell_both_texts(made: Gate, texts: tuple[str, ...]) -> None:
    samples = frame(sample("Name three rivers."), sample(texts[4].upper(), "b.set"))
    hits = made.hits(samples)
    assert hits.schema == SCHEMA
    assert hits.row(0, named=True) == {
        "row": 1,
        "id": texts[4].upper()[:8],
        "set": "b.set",
        "benchmark": "questions",
        "question": 4,
        "rule": "question",
        "shared": None,
        "text": texts[4].upper(),
        "question_text": texts[4],
    }
    assert len(hits) == 1


def _case(text: str) -> str:
    return text.swapcase()


def _blanks(text: str) -> str:
    return text.replace(" ", "\t  ").replace("\n", " \r\n\n")


def _no_punctuation(text: str) -> str:
    return re.sub(r"[^\w\s]", "", text.replace("&quot;", '"').replace("&amp;", "&"))


def _order(text: str) -> str:
    options = split_options(text)[1]
    mixed = random.Random(1).sample(options, len(options))
    for number, (old, new) in enumerate(zip(options, mixed, strict=True)):
        text = re.sub(rf"(?m)^(\d+\. ){re.escape(old)}$", rf"\1<{number}>", text, count=1)
        text = text.replace(f"<{number}>", new)
    return text


@pytest.mark.parametrize("change", [str, _case, _blanks, _no_punctuation, _order])
def test_every_question_is_found_in_other_spellings(
    made: Gate, texts: tuple[str, ...], change: Any
) -> None:
    hits = made.hits(frame(*(sample(change(text)) for text in texts)))
    assert hits["question"].to_list() == list(range(len(texts)))


@pytest.mark.parametrize(
    ("prompt", "question"),
    [
        ("Write the entry for: salad spinner\nOutput:", 0),
        ("Product type: PASTRY CUTTER. What is it?", 1),
    ],
)
def test_a_short_question_is_known_in_our_wording(made: Gate, prompt: str, question: int) -> None:
    hits = made.hits(frame(sample(prompt)))
    assert hits.select("question", "rule").rows() == [(question, "question")]


def test_words_that_questions_share_are_not_asked() -> None:
    asked = "A dwelling entitled '{}' exists. Fabricate an adequate {} name forthwith."
    titles = ("Quillora teapot", "Norvelto lamp, amber", "Brisota fan")
    made = gate([benchmark("names", [asked.format(one, "Welsh") for one in titles])], WORDINGS)
    prompts = ["Norvelto lamp (amber): its name for the Welsh website?", "Norvelto lamp: its name?"]
    assert made.hits(frame(*map(sample, prompts))).select("row", "question").rows() == [(0, 1)]


def test_another_short_question_is_not(made: Gate) -> None:
    prompts = [
        "Write the entry for: salad bowl\nOutput:",
        "Write the entry for: spinner\nOutput:",
        "Write the entry for: salad spinner lid\nOutput:",
        "Write the entry for: cutter\nOutput:",
    ]
    assert made.hits(frame(*map(sample, prompts))).is_empty()


def test_what_an_llm_composed_is_known_by_its_fields(made: Gate) -> None:
    prompt = "Suppose somebody stumbles over this unfamiliar gadget; enlighten them: the leafy one"
    told = sample(prompt, product_type="salad spinner", composed=prompt, reasons=["other"])
    hits = made.hits(frame(sample("Hello."), told))
    assert hits.select("row", "question", "rule").rows() == [(1, 0, "question")]
    assert made.hits(frame(sample(prompt))).is_empty()


def test_options_tell_a_question_in_any_order(made: Gate) -> None:
    options = ["Lipstick", "sprinkler-nozzle", "UKULELE", "trouser press"]
    hits = made.hits(frame(sample("Whose present suits the orchard best?", options=options)))
    assert hits.select("question", "rule", "shared").rows() == [
        (3, "options", "Lipstick | sprinkler-nozzle | UKULELE | trouser press")
    ]


@pytest.mark.parametrize(
    "options",
    [
        ["irrelevant", "substitute", "complement", "narrowing"],
        ["linen", "corduroy", "silk, viscose", "It cannot be inferred."],  # of two questions
        ["trouser press", "sprinkler nozzle", "ukulele"],  # one is missing
        ["yes", "no"],
    ],
)
def test_options_that_tell_nothing_do_not(made: Gate, options: list[str]) -> None:
    assert made.hits(frame(sample("Which one?", options=options))).is_empty()


@pytest.mark.parametrize(
    "labels",
    ["very positive|positive|neutral|negative|very negative", "1|2|3|4|5", "yes|no|maybe"],
)
def test_labels_of_our_own_never_tell(labels: str) -> None:
    options = labels.split("|")
    lines = "\n".join(f"{i}. {option}" for i, option in enumerate(options))
    made = gate([benchmark("one", [f"How does the buyer of the zither feel?\n{lines}"])], WORDINGS)
    assert made.hits(frame(sample("And the buyer of the oboe?", options=options))).is_empty()


def test_thirteen_words_of_a_question_are_too_many(made: Gate) -> None:
    stolen = "Owner says: the handle came off in my hand over a lit hob. I have owned worse things."
    hits = made.hits(frame(sample(stolen)))
    assert hits.select("question", "rule", "shared").rows() == [
        (10, "overlap", "the handle came off in my hand over a lit hob i have owned")
    ]
    assert made.hits(frame(sample(stolen.replace("lit", "hot")))).is_empty()


def test_the_longest_stretch_is_shown(made: Gate, texts: tuple[str, ...]) -> None:
    words = re.findall("[a-z]+", texts[10].split("\n")[2].lower())
    prompt = [*words[:14], "zebra", *words[5:21], "zebra", *words[8:21]]
    hits = made.hits(frame(sample(" ".join(prompt))))
    assert hits["shared"].to_list() == [" ".join(words[5:21])]


def test_twenty_six_characters_of_japanese_are_too_many(made: Gate) -> None:
    sentence = (
        "取っ手は熱くならず、注ぎ口は細いので、お茶を一滴もこぼさずに最後まで注ぐことができます。"
    )
    hits = made.hits(frame(sample(f"説明文: {sentence}"), sample(sentence[:20] + "です。")))
    assert hits.select("row", "question", "rule").rows() == [(0, 12, "overlap")]


def test_our_own_words_are_no_leak() -> None:
    own = "Study the enclosed brochure about alpine rescue dogs before answering any question here"
    asked = benchmark("one", [f"{own}: wherefore do badgers dig setts beneath hawthorn hedges?"])
    ours = frame(sample(f"{own}: zither"))
    assert gate([asked], []).hits(ours)["rule"].to_list() == ["overlap"]
    assert gate([asked], [own + "{% if x %}: {{ name }}{% endif %}"]).hits(ours).is_empty()


def test_a_run_of_ordinary_words_is_no_leak() -> None:
    plain = "which of the products in the list is the one that the customer is looking for"
    asked = benchmark("one", [f"{plain} zither oboe badger"])
    assert (
        gate([asked], [plain.replace("which of", "this is")]).hits(frame(sample(plain))).is_empty()
    )


def test_no_verdict_depends_on_other_samples(
    made: Gate, texts: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    innocent = [sample(f"Name river number {i} of the land.") for i in range(40)]
    samples = frame(*innocent[:17], sample(texts[0]), *innocent[17:], sample(texts[9]), sample(""))
    hits = made.hits(samples)
    assert hits["row"].to_list() == [17, 41]
    monkeypatch.setattr(leaks, "_CHUNK", 3)
    assert made.hits(samples).equals(hits)
    alone = made.hits(samples[17:18])
    assert alone.drop("row").equals(hits[:1].drop("row"))


def test_nothing_is_found_in_nothing(made: Gate) -> None:
    empty = frame(sample("x")).clear()
    assert made.hits(empty).schema == SCHEMA
    assert gate([], WORDINGS).hits(frame(sample("x"))).is_empty()


def test_a_digest_finds_the_same_without_the_question(
    tmp_path: Path, asked: Benchmark, texts: tuple[str, ...], made: Gate
) -> None:
    path = tmp_path / "kept.json"
    path.write_text(digest(asked), "utf-8")
    kept = read_benchmark(path)
    samples = frame(*map(sample, texts), sample("handle came off in my hand over a lit hob" * 2))
    hits = gate([kept], WORDINGS).hits(samples)
    told = made.hits(samples)
    assert hits["question_text"].null_count() == len(hits) > 0
    assert hits.drop("benchmark", "question_text").equals(told.drop("benchmark", "question_text"))
    both = gate([kept, asked], WORDINGS)
    assert both.hits(samples).equals(told)


def test_each_benchmark_is_named(asked: Benchmark, texts: tuple[str, ...]) -> None:
    other = benchmark("other", ["Wherefore do badgers dig setts beneath hawthorn hedges?"])
    both = gate([asked, other], WORDINGS)
    hits = both.hits(frame(sample("WHEREFORE do badgers dig setts beneath hawthorn hedges")))
    assert hits.select("benchmark", "question").rows() == [("other", 0)]
    with pytest.raises(ShopmixError, match="two benchmarks are called questions"):
        gate([asked, benchmark("questions", list(texts[:2]))], WORDINGS)


def test_the_demo_samples_hold_no_development_question(demo: Path) -> None:
    made = gate([read_benchmark(SHIPPED)], WORDINGS)
    samples = pl.concat([frame.select("id", "set", "messages", "fields")
                         for _, frame in samples_of(demo)])  # fmt: skip
    assert made.hits(samples).is_empty()


def test_the_shipped_digest_finds_the_development_questions() -> None:
    if not DEVELOPMENT.exists():
        pytest.skip(f"no questions at {DEVELOPMENT}: they are not part of this repository")
    found = read_benchmark(DEVELOPMENT).texts
    assert found is not None
    made = gate([read_benchmark(SHIPPED)], WORDINGS)
    for change in (str, _case, _blanks, _no_punctuation, _order):
        hits = made.hits(frame(*(sample(change(text)) for text in found)))
        assert hits["question"].to_list() == list(range(96))
