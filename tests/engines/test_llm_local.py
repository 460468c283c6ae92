"""A small real model on the CPU names the products of real titles, in JSON that keeps a schema."""

from collections.abc import Callable
from pathlib import Path

import pytest

from builders.llm.ledger import Answer, Ledger
from builders.llm.product_type import PRODUCT_TYPE
from builders.llm.session import Session
from builders.llm.settings import LlmSettings
from tests.engines.titles import passed, real_titles, statuses

pytestmark = pytest.mark.engines


def test_product_types_of_real_titles(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    """Every answer is of the type that was asked for; what share stands in the title is told."""
    titles = real_titles()
    ledger = Ledger(tmp_path / "ledger.sqlite")
    session = Session(LlmSettings(llm="local"), ledger, "local")
    prompt = PRODUCT_TYPE.prompt(session.model)
    requests = PRODUCT_TYPE.file.requests(prompt, [{"title": title} for title in titles])
    found = session.answer(requests, "titles", PRODUCT_TYPE.flaw)
    session.close()
    assert statuses(ledger) == {"answer": len(titles)}
    answers = [one.text for one in found if isinstance(one, Answer)]
    share = passed(answers, titles)
    record_property("share that passes the check against the title", share)
    print(f"{share:.0%} of {len(titles)} product types pass the check against their title")
    assert share > 0.2
    again = Session(LlmSettings(llm="ledger"), ledger, f"ledger:{session.model}")
    assert again.answer(requests, "titles", PRODUCT_TYPE.flaw) == found
    again.close()
