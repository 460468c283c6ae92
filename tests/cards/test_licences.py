"""Licences: all that our sources name are known, and the strictest rule wins."""

from __future__ import annotations

import pytest

from builders.cards.licences import licence, named, strictest, strictest_first, terms
from tests.conftest import BUILDERS

M2, REVIEWS = "LicenseRef-Amazon-M2-research", "LicenseRef-Amazon-Reviews-2023-research"


@pytest.mark.parametrize("source", BUILDERS)
def test_every_source_has_one_that_is_known(source: str) -> None:
    found = licence(BUILDERS[source].source.license)
    assert found.link is not None
    assert found.link.startswith("https://")
    assert "does not know" not in found.rule


@pytest.mark.parametrize(
    ("source", "redistribute", "commercial", "hub"),
    [
        ("esci", True, True, "apache-2.0"),
        ("mmlu", True, True, "mit"),
        ("ecinstruct", True, True, "cc-by-4.0"),
        ("alpaca", True, False, "cc-by-nc-4.0"),
        ("amazon_m2", False, False, "other"),
        ("amazon_reviews", False, False, "other"),
    ],
)
def test_what_each_source_allows(
    source: str, redistribute: bool, commercial: bool, hub: str
) -> None:
    found = licence(BUILDERS[source].source.license)
    assert (found.redistribute, found.commercial, found.hub) == (redistribute, commercial, hub)


@pytest.mark.parametrize(
    ("name", "id"),
    [
        ("apache-2.0", "Apache-2.0"),
        ("cc-by-nc-4.0", "CC-BY-NC-4.0"),
        ("tongyi-qianwen", "LicenseRef-Tongyi-Qianwen"),
        (M2.lower(), M2),  # as our own cards have it
        ("llama3", "LicenseRef-llama3"),
        ("licenseref-mine", "LicenseRef-mine"),
    ],
)
def test_the_name_in_a_card(name: str, id: str) -> None:
    assert named(name) == id


def test_unknown_is_not_redistributable_and_says_so() -> None:
    found = licence("LicenseRef-Mine")
    assert not found.redistribute
    assert not found.commercial
    assert found.hub == "other"
    assert "does not know this licence" in found.rule


@pytest.mark.parametrize(
    ("ids", "decides"),
    [
        (["MIT", "Apache-2.0"], "Apache-2.0"),
        (["MIT", "CC-BY-4.0", "Apache-2.0"], "CC-BY-4.0"),
        (["CC-BY-NC-4.0", "Apache-2.0", "MIT"], "CC-BY-NC-4.0"),
        (["CC-BY-NC-4.0", REVIEWS, M2], REVIEWS),
        ([REVIEWS, "LicenseRef-Mine"], "LicenseRef-Mine"),
        (["MIT"], "MIT"),
    ],
)
def test_strictest(ids: list[str], decides: str) -> None:
    assert strictest(ids).id == decides
    assert strictest(reversed(ids)).id == decides


def test_each_is_told_once() -> None:
    assert [one.id for one in strictest_first(["MIT", M2, "MIT"])] == [M2, "MIT"]


def test_terms() -> None:
    """The strictest rule first; names, which have commas of their own, in quotes."""
    assert terms(["MIT"]) == "It may be passed on. Commercial use is allowed."
    assert terms(["MIT", "Apache-2.0"]) == (
        'The strictest rule holds for the whole, that of "Apache License 2.0": keep the notices '
        "and the text of the licence, and say what was changed. It may be passed on. Commercial "
        "use is allowed."
    )
    unpaid = terms(["MIT", "CC-BY-NC-4.0"])
    assert unpaid.endswith(
        "It may be passed on. No commercial use is allowed by "
        '"Creative Commons Attribution-NonCommercial 4.0".'
    )
    kept = terms(["MIT", "CC-BY-NC-4.0", M2, REVIEWS])
    assert (
        'No right to pass it on comes with "Amazon Reviews 2023, no licence stated", '
        '"rules of the Amazon KDD Cup 2023". No commercial use'
    ) in kept
    assert "may be passed on" not in kept
