"""Servers that know less than the whole of OpenAI's API are asked in a way that they know."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from builders.errors import ShopmixError
from builders.llm.backends.online import FULL, PLAIN, WORDS, Dialect, body_of
from builders.llm.desk import MOST_UNTAKEN
from builders.llm.ledger import Answer, Failure
from builders.llm.request import Call, Prompt, Request, Sampling
from tests.llm.asking import PROMPT, SCHEMA, Asking, World, fine

TEXTS = fine(30)


def _bodies(schema_as: int) -> dict[str, object]:
    return body_of(Call(Request(PROMPT, "1 fine")), Dialect(schema_as))


@pytest.mark.parametrize(
    "options",
    [
        {"limit_as": "max_completion_tokens"},
        {"lacks": ["minLength"]},
        {"no_temperature": True},
        {"lacks": ["json_schema"]},
        {"lacks": ["minLength", "json_schema"], "limit_as": "max_completion_tokens"},
    ],
    ids=["limit", "bounds", "temperature", "schema", "all"],
)
def test_answers_come_and_it_is_learnt_once(
    serve: Callable[..., World], tmp_path: Path, options: dict[str, object]
) -> None:
    world = serve(**options)
    found, counts = Asking(world.url, tmp_path / "ledger").ask(TEXTS)
    assert all(isinstance(outcome, Answer) for outcome in found)
    assert counts.answered == len(TEXTS)
    assert not counts.faults
    refused = [asked for asked in world.log() if asked.status == 400]
    assert 1 <= len(refused) <= 3  # the first call learns it, before there is a second
    assert {asked.text for asked in refused} == {TEXTS[0]}


def test_how_it_was_asked_does_not_change_the_key(
    serve: Callable[..., World], tmp_path: Path
) -> None:
    Asking(serve(lacks=["json_schema"]).url, tmp_path / "ledger").ask(TEXTS)
    world = serve()
    _, counts = Asking(world.url, tmp_path / "ledger").ask(TEXTS)
    assert counts.cached == len(TEXTS)
    assert world.log() == []


def test_other_rejections_are_final(serve: Callable[..., World], tmp_path: Path) -> None:
    world, texts = serve(), ["1 fine", "2 unfit", "3 unfit"]
    for _ in range(2):
        found, _ = Asking(world.url, tmp_path / "ledger").ask(texts)
        first, *others = found
        assert isinstance(first, Answer)
        for failure in others:
            assert isinstance(failure, Failure)
            assert failure.status == "rejected"
            assert "longer than the model's context" in failure.detail
    assert sorted(asked.text for asked in world.log()) == texts


def test_a_server_that_takes_nothing_is_given_up_and_nothing_is_final(
    serve: Callable[..., World], tmp_path: Path
) -> None:
    world = serve()
    texts = [f"{number} unfit" for number in range(30)]
    with pytest.raises(ShopmixError, match=r"takes none of the first 10 requests .*longer than"):
        Asking(world.url, tmp_path / "ledger").ask(texts)
    sent = len(world.log())
    assert MOST_UNTAKEN <= sent <= MOST_UNTAKEN + 1  # one may be on its way
    with pytest.raises(ShopmixError, match="takes none"):
        Asking(world.url, tmp_path / "ledger").ask(texts)
    assert len(world.log()) >= sent + MOST_UNTAKEN


def test_server_without_any_way_rejects(serve: Callable[..., World], tmp_path: Path) -> None:
    world = serve(always=400, code="schema")
    (found,), counts = Asking(world.url, tmp_path / "ledger").ask(["1 fine"])
    assert isinstance(found, Failure)
    assert counts.failed == {"rejected": 1}
    assert len(world.log()) == 3  # in full, plain, in words


def test_schema_in_full() -> None:
    form = _bodies(FULL)["response_format"]
    assert form == {
        "type": "json_schema",
        "json_schema": {"name": "answer", "strict": True, "schema": json.loads(SCHEMA)},
    }


def test_plain_schema_lacks_bounds_but_no_field_of_their_name() -> None:
    properties = {"title": {"type": "string", "minLength": 1, "title": "Title"}}
    schema = json.dumps({"type": "object", "title": "T", "properties": properties})
    prompt = Prompt("model", (), Sampling(20), schema)
    body = body_of(Call(Request(prompt, "text")), Dialect(PLAIN))
    plain = body["response_format"]["json_schema"]["schema"]
    assert plain == {"type": "object", "properties": {"title": {"type": "string"}}}


@pytest.mark.parametrize("messages", [(), (("system", "Name the label."),)])
def test_schema_in_words_is_in_the_one_system_message(
    messages: tuple[tuple[str, str], ...],
) -> None:
    prompt = Prompt("model", messages, Sampling(20), SCHEMA)
    body = body_of(Call(Request(prompt, "text")), Dialect(WORDS))
    assert "response_format" not in body
    system, user = body["messages"]
    assert (system["role"], user) == ("system", {"role": "user", "content": "text"})
    assert SCHEMA in system["content"]
    assert system["content"].startswith(messages[0][1] if messages else "Answer with")


def test_samples_of_one_question_have_seeds_of_their_own() -> None:
    seeds = {
        body_of(Call(Request(PROMPT, "1 fine", index)), Dialect())["seed"] for index in range(3)
    }
    assert seeds == {0, 1, 2}


def test_worst_case_holds_for_a_schema_in_words() -> None:
    call = Call(Request(PROMPT, "1 fine"))
    said = body_of(call, Dialect(WORDS))["messages"]
    assert sum(len(message["content"].encode()) for message in said) <= call.most_tokens_in()
