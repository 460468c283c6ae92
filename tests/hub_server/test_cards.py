"""What the Hub says of a card."""

from __future__ import annotations

import pytest
from huggingface_hub import HfApi

from tests.hub_server import HubServer
from tests.hub_server.writing import REPO, commit

BAD_CARDS = {
    "no mapping": ("- a\n- b", "not a mapping"),
    "no YAML": ("a: [b", "YAML Metadata Error"),
    "no list": ("configs: v8", '"configs" must be a list'),
    "no name": ("configs: [{data_files: a.parquet}]", 'config_name" must be a string'),
    "no path": ("configs: [{config_name: v8, data_files: [{split: train}]}]", "data_files"),
    "twice": ("configs: [{config_name: v8}, {config_name: v8}]", "v8 more than once"),
    "licence": ("license: Apache 2", 'license" must be one of'),
    "language": ("language: [en, english]", 'language" must be an ISO 639 code: english'),
}


@pytest.mark.parametrize("case", BAD_CARDS)
def test_a_bad_card_is_refused(case: str, hub: HubServer, api: HfApi) -> None:
    front, said = BAD_CARDS[case]
    before = hub.repos[REPO].commit
    with pytest.raises(ValueError, match=r"Invalid metadata in README\.md") as error:
        commit(api, {"README.md": f"---\n{front}\n---\n# Ours\n".encode()})
    assert said in str(error.value)
    assert hub.repos[REPO].commit == before


@pytest.mark.parametrize(
    ("card", "said"),
    [
        ("# Ours", "empty or missing yaml metadata"),
        ("---\nsize_categories: many\n---\n", "many is not in the official list"),
    ],
)
def test_a_doubtful_card_is_warned_of(card: str, said: str, api: HfApi) -> None:
    with pytest.warns(UserWarning, match=said):
        commit(api, {"README.md": card.encode()})
