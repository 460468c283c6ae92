"""Reworded instructions: which drafts rules let pass, and what samples say of their wording."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path

import polars as pl
import pytest

from builders import esci
from builders.errors import ShopmixError
from builders.llm import form
from builders.llm.__main__ import main
from builders.llm.exchange import import_answers
from builders.llm.instruction import Instruction
from builders.llm.ledger import ANSWERED, Ledger
from builders.llm.money import Cap
from builders.llm.opened import DEMO
from builders.llm.request import Call, Reply
from builders.llm.reword import REWORD, Question, Report, questions, reword
from builders.llm.session import Session
from builders.llm.settings import LlmSettings
from builders.render import TEMPLATES, Wording, compiled, jinja
from tests.conftest import SETS, build

MODEL = "test-model"
MADE = SETS["esci.title_for_query"]
ONE = "Find the product title that agrees with the search query in all points"
FINE = f"{ONE}, and no substitute, accessory or other product. Respond with nothing but its number."
WORDINGS = [wording for made in SETS.values() for wording in made.wordings()]


@pytest.fixture
def ledger() -> Iterator[Ledger]:
    with closing(Ledger(":memory:")) as opened:
        yield opened


def asked(stem: str, count: int = 1) -> list[Question]:
    """The questions about one wording of the set."""
    every = questions(MADE.wordings(), MODEL, count)
    return [one for one in every if Path(one.seed.path).stem == stem]


def answer(ledger: Ledger, answers: Mapping[Question, Sequence[str]]) -> None:
    """File what the model has written for each question."""
    for question, lines in answers.items():
        request = question.request
        entry = ledger.reserve(Call(request), "test", "test", 0, 0, Cap())
        assert isinstance(entry, int)
        reply = Reply(json.dumps({"lines": lines}), "stop", 1, 1, 0.1, "{}")
        ledger.settle(entry, request, ANSWERED, 0, 0, reply, f"test:{MODEL}")


def drafts(ledger: Ledger, out: Path, count: int = 1) -> Report:
    with closing(Session(LlmSettings(), ledger, f"ledger:{MODEL}")) as session:
        return reword(esci.BUILDER, MADE, session, count, out)


@pytest.mark.parametrize("wording", WORDINGS, ids=lambda wording: wording.path)
def test_any_wording_comes_apart_and_together_again(wording: Wording) -> None:
    instruction = Instruction.of(wording.text)
    assert instruction.text == wording.text
    assert instruction.saying(instruction.lines) == instruction
    assert "{" not in instruction.shown


def test_an_instruction_is_its_sentences_without_fields_lists_and_labels() -> None:
    text = (
        "Instructions: Say for '{{ query }}' which title is right.\nInput:\n"
        "{% for option in options %}\n{{ loop.index0 }}. {{ option }}\n{% endfor %}\n"
        "There are {{ options|length }} of them in all.\nOutput:"
    )
    instruction = Instruction.of(text)
    assert instruction.lines == (
        "Say for '[QUERY]' which title is right.",
        "There are [OPTIONS 2] of them in all.",
    )
    assert instruction.shown.splitlines()[1:3] == ["Input:", "[OPTIONS]"]
    new = instruction.saying(["Which title suits '[QUERY]'?", "Choose among [OPTIONS 2] of them."])
    assert new.text == text.replace(
        "Say for '{{ query }}' which title is right.", "Which title suits '{{ query }}'?"
    ).replace(
        "There are {{ options|length }} of them in all.",
        "Choose among {{ options|length }} of them.",
    )


OLD = "Which of the three titles above is exactly right for '[QUERY]'? Give only its number."


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("For '[QUERY]', just one of the three titles is right. Write the number of this title.",
         None),
        ("Just one of the three titles is right for it. Write the number of this title.",
         "another use of placeholders"),
        ("For [QUERY], just one of the three titles is right. Write the number of this title.",
         "another use of placeholders"),
        ("For '[QUERY]', just one of the three [titles] is right. Write the number of it.",
         "brackets of its own"),
        ("for '[QUERY]', just one of the three titles is right. Write the number of this title.",
         "another begin or end of a line"),
        ("For '[QUERY]', just one of the three titles is right. Write the number of this title",
         "another begin or end of a line"),
        ("For '[QUERY]', just one of the three titles is right. Write this title down again.",
         "lost word of form: number"),
        ("For '[QUERY]', one of the three titles is right. Write the number of this title.",
         "lost word of form: only"),
        ("For '[QUERY]', just one of the titles is right. Write the number of this title.",
         "other numbers"),
        ("For '[QUERY]', just 1 of the 3 titles is right. Write the number of this title.",
         "other numbers"),
        ("For '[QUERY]', just one of the three titles below is right. Write its number.",
         "another place: above or below"),
        ("For '[QUERY]', just one of the three titles is right. Write the number of the product.",
         "number of another thing"),
        ("Three for '[QUERY]': the number, only.", None),
        ("Three for '[QUERY]': only number.", "too short or too long"),
        ("Three for '[QUERY]': only number" + " and one more" * 15 + ".", "too short or too long"),
        ("For '[QUERY]', just one of the three titles is right. Write it. Write its number. "
         "Write it.", "says something twice"),
        ("For '[QUERY]', just one of the the three titles is right. Write the number of it.",
         "says something twice"),
        ("Which of the three titles is right for '[QUERY]'. Write the number of this title only.",
         "question without its mark"),
        ("For '[QUERY]', just one of the three titles is right… Write the number of this title.",
         "not plain English"),
        ("Para '[QUERY]', el único de los títulos que es el mejor de los three. Number, only.",
         "not plain English"),
    ],
)  # fmt: skip
def test_rules_tell_what_a_new_wording_loses(said: str, why: str | None) -> None:
    old = Instruction.of(OLD.replace("[QUERY]", "{{ query }}"))
    assert form.flaw(old, old.saying([said]), "multiple-choice") == why


@pytest.mark.parametrize(
    ("task_type", "old", "new", "lost"),
    [
        ("ranking", "Sort all of the products, best first, with commas between their numbers.",
         "Sort all of the products, best first, and write down their numbers.", "commas"),
        ("retrieval", "Give three numbers of products, likeliest first, separated by commas.",
         "Give three numbers of suitable products, separated by commas.", "order"),
        ("named_entity_recognition", "Copy the words from the text, with commas in between.",
         "Name all that there is, with commas in between the values.", "copied"),
        ("generation", "Write down the title in that language and nothing else.",
         "Write down the title in that language, please.", "only"),
    ],
)  # fmt: skip
def test_the_form_of_the_answer_stays(task_type: str, old: str, new: str, lost: str) -> None:
    instruction = Instruction.of(old)
    assert form.flaw(instruction, instruction.saying([old]), task_type) is None
    found = form.flaw(instruction, instruction.saying([new]), task_type)
    assert found == f"lost word of form: {lost}"


def test_every_wording_keeps_the_rules_with_its_own_sentences() -> None:
    flawed = {}
    for made in SETS.values():
        for wording in made.wordings():
            instruction = Instruction.of(wording.text)
            if instruction.lines and (why := form.flaw(instruction, instruction, made.task_type)):
                flawed[wording.path] = why
    assert not flawed


def test_single_lines_begin_with_one_opening_after_the_other() -> None:
    single = asked("instruction_input_output", 7)
    endings = [one.request.text.splitlines()[-1] for one in single]
    assert endings[0] == endings[6] == "Begin with: Find the title"
    assert len(set(endings)) == 6
    assert len({one.request.key for one in single}) == 7
    schema = json.loads(single[0].request.prompt.schema or "")["properties"]["lines"]
    assert schema["items"]["pattern"].startswith("^Find the title ")
    story = asked("shopper_story")[0].request
    assert "Begin with" not in story.text
    lines = json.loads(story.prompt.schema or "")["properties"]["lines"]
    assert lines["minItems"] == lines["maxItems"] == len(story.text.splitlines()) == 2


def test_good_answers_become_files_and_the_others_are_counted(
    ledger: Ledger, tmp_path: Path
) -> None:
    first, second, third, fourth = asked("instruction_input_output", 4)
    like = FINE.replace("Respond with", "Answer with")
    old = Instruction.of(first.seed.text).lines
    wrong = FINE.replace("its number", "its name")
    answer(ledger, {first: [FINE], second: [like], third: old, fourth: [wrong]})
    report = drafts(ledger, tmp_path, count=4)
    name = f"instruction_input_output-{first.request.key[:8]}.j2"
    (file,) = report.written
    assert file == tmp_path / "esci" / "title_for_query" / name
    assert list(tmp_path.rglob("*.*")) == [file]
    assert report.asked == len(questions(MADE.wordings(), MODEL, 4))
    assert report.reasons == {
        "near-duplicate": 2,
        "lost word of form: number": 1,
        "no answer in the ledger": report.asked - 4,
    }
    near = [one for one in report.dropped if one.why.startswith("near-duplicate")]
    assert f"of {name}" in near[0].why and near[0].said == like
    assert near[1].why == "near-duplicate (100% of instruction_input_output.j2)"

    draft = Wording("a.j2", file.read_text("utf-8"))
    assert (draft.generator, draft.call) == (f"test:{MODEL}", first.request.key)
    fields = {"query": "a {query}", "options": ["[QUERY]", "b"]}
    frame = compiled(first.seed)(fields)
    assert compiled(draft)(fields) == frame.replace(old[0], FINE)
    assert jinja().from_string(draft.text).render(fields) == compiled(draft)(fields)


def test_what_is_committed_is_not_written_again(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (question,) = asked("instruction_input_output")
    answer(ledger, {question: [FINE]})
    (file,) = drafts(ledger, tmp_path / "drafts").written
    _commit(file, tmp_path, monkeypatch)
    again = drafts(ledger, tmp_path / "drafts")
    assert not again.written
    assert again.reasons["near-duplicate"] == 1
    assert again.asked == len(questions(MADE.wordings(), MODEL, 1))


def test_samples_of_a_reworded_instruction_name_the_model_and_its_call(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def built(out: str) -> pl.DataFrame:
        folder = build(tmp_path / out, sets=("title_for_query",))
        return pl.read_parquet(folder / "esci.title_for_query.parquet")

    (question,) = asked("instruction_input_output")
    answer(ledger, {question: [FINE]})
    (file,) = drafts(ledger, tmp_path / "drafts").written
    before = built("before")
    assert built("drafted").equals(before)
    _commit(file, tmp_path, monkeypatch)
    after = built("after")
    reworded = pl.col("template").str.starts_with("esci/title_for_query/new.j2@")
    written = after.filter(reworded)
    assert 0 < len(written) < len(after)
    assert written["generator"].unique().to_list() == [f"test:{MODEL}"]
    assert written["llm_calls"].to_list() == [[question.request.key]] * len(written)
    user = pl.col("messages").list.get(1).struct.field("content")
    assert written.select(user.str.contains(FINE, literal=True).all()).item()
    others = after.filter(~reworded)
    same = before.join(others, on="id", how="semi", maintain_order="left")
    assert same.equals(others)
    assert before["id"].equals(after["id"])


def _commit(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Templates with a draft among them."""
    root = tmp_path / "templates"
    shutil.copytree(TEMPLATES, root)
    shutil.copy(file, root / "esci" / "title_for_query" / "new.j2")
    monkeypatch.setattr("builders.builder.TEMPLATES", root)


def test_drafts_never_go_into_templates(ledger: Ledger) -> None:
    for out in (TEMPLATES, TEMPLATES / "drafts", TEMPLATES / ".." / "templates" / "esci"):
        with pytest.raises(ShopmixError, match="lies in templates/"):
            drafts(ledger, out)
    assert not list(TEMPLATES.rglob("drafts"))


def test_the_command_tells_what_it_would_ask_and_what_it_wrote(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, out = tmp_path / "ledger.sqlite", str(tmp_path / "drafts")
    given = ["reword", MADE.name, "--ledger", str(file), "--count", "1", "--out", out]
    main([*given, "--llm", f"openai:{MODEL}", "--dry-run"])
    assert "requests" in capsys.readouterr().out
    assert not Path(out).exists()
    (question,) = asked("instruction_input_output")
    with closing(Ledger(file)) as ledger:
        answer(ledger, {question: [FINE]})
    main([*given, "--llm", f"ledger:{MODEL}"])
    said = capsys.readouterr().out
    count = len(questions(MADE.wordings(), MODEL, 1))
    assert f"{count} answers, 1 drafts, {count - 1} no answer in the ledger" in said
    assert "read them, move those that are good" in said
    assert len(list(Path(out).rglob("*.j2"))) == 1


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (["esci.title_for_querry"], "did you mean esci.title_for_query"),
        ([MADE.name, "--count", "0"], "--count 0: at least 1"),
        ([MADE.name, "--llm", "nobody:x"], "--llm nobody:x"),
        ([MADE.name], "name one with --llm"),
    ],
)
def test_a_wrong_command_is_told(
    given: list[str], told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ShopmixError, match=told):
        main(["reword", *given])


def test_wordings_say_what_the_model_has_answered(ledger: Ledger) -> None:
    import_answers(ledger, DEMO)
    for wording in WORDINGS:
        if wording.call:
            found = ledger.answers([wording.call]).get(wording.call)
            assert found, f"{wording.path}: its call is not in the ledger that ships with us"
            assert found.generator == wording.generator
            lines = REWORD.read(found.text).lines
            assert Instruction.of(wording.text).lines == lines, wording.path


def test_wordings_by_an_llm_say_so_in_one_form() -> None:
    for wording in WORDINGS:
        assert (wording.generator is not None) == ("written by" in wording.text), wording.path
    calls = [wording.call for wording in WORDINGS if wording.call]
    assert len(set(calls)) == len(calls)
