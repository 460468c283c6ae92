"""Cards of adapters and merged models."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from huggingface_hub import ModelCard, ModelCardData

from builders.cards.front_matter import parsed, split
from builders.cards.model import AdapterCard, MergedCard, Weighted, model_card
from tests.cards.models import BASE, HOW, LOCAL, MERGED, V8, V9B

BOTH = (Weighted(LOCAL, 1.0), Weighted(replace(LOCAL, repo="again"), 0.5))


def told(model: AdapterCard | MergedCard) -> dict[str, Any]:
    """The front matter; the Hub's model-index is read back into results."""
    data = ModelCard(model_card(model)).data
    assert isinstance(data, ModelCardData)
    found: dict[str, Any] = dict(data.__dict__)
    return found


def test_adapter() -> None:
    data = told(V8)
    assert data["base_model"] == "Qwen/Qwen2-72B-Instruct"
    assert data["base_model_relation"] == "adapter"
    assert data["library_name"] == "peft"
    assert data["pipeline_tag"] == "text-generation"
    assert data["datasets"] == ["you/shopmix"]
    assert data["language"] == ["en", "de"]
    assert data["license"] == "cc-by-nc-4.0"  # the data's, stricter than the base's
    text = model_card(V8)
    assert f'base, revision = "{BASE.repo}", "{BASE.revision}"' in text
    assert 'PeftModel.from_pretrained(model, "you/v8-lora")' in text
    assert "config `v8`, revision `v1.0.0`, mixture `88888888888888888888888888888888`" in text
    assert "| lr | 0.0002 |" in text
    assert "- Not tried on other shops \\| yet." in text
    commons = "Creative Commons Attribution-NonCommercial 4.0"
    assert f'No commercial use is allowed by "{commons}".' in text


def test_scores_are_results_on_the_hub() -> None:
    results = {one.dataset_config: one for one in told(V8)["eval_results"]}
    assert {name: one.metric_value for name, one in results.items()} == {
        "track-1": 0.8312,
        "track-5": 0.7866,
    }
    assert results["track-1"].metric_name == HOW
    assert told(V8)["model_name"] == "v8-lora"


def test_no_scores_are_none() -> None:
    text = model_card(V9B)
    assert "None was measured." in text
    assert "model-index" not in text
    assert "model_name" not in text


def test_merged() -> None:
    data = told(MERGED)
    assert data["base_model_relation"] == "merge"
    assert data["library_name"] == "transformers"
    assert data["datasets"] == ["you/shopmix"]
    assert data["language"] == ["en", "de", "ja"]
    assert data["license"] == "cc-by-nc-4.0"
    text = model_card(MERGED)
    assert "adapter you/v8-lora, weight 0.5625, trained on" in text
    assert "adapter you/v9b-lora, weight 0.75, trained on" in text


@pytest.mark.parametrize("model", [LOCAL, replace(MERGED, base=LOCAL.base, adapters=BOTH)])
def test_what_is_in_folders_has_no_link(model: AdapterCard | MergedCard) -> None:
    """Nor does the front matter name what the Hub does not know."""
    text = model_card(model)
    assert not {"base_model", "base_model_relation", "datasets"} & parsed(split(text)[0]).keys()
    assert "(https://huggingface.co/" not in text
    assert "- base model: track5, from a folder\n" in text
    assert f"trained on mixture v8 `{'8' * 32}`, from a folder\n" in text
    assert "None`" not in text


def test_a_base_in_a_folder_is_loaded_without_a_revision() -> None:
    assert 'base, revision = "track5", None' in model_card(LOCAL)


def test_the_published_part_of_a_merge_keeps_its_link() -> None:
    both = replace(MERGED, adapters=(Weighted(LOCAL, 1.0), Weighted(V9B, 1.0)))
    assert told(both)["datasets"] == ["you/shopmix"]
    text = model_card(both)
    assert "[you/shopmix](https://huggingface.co/datasets/you/shopmix), config `v9b`" in text
    assert "adapter v8, weight 1.0, trained on mixture v8" in text


def test_a_licence_without_a_link_has_none() -> None:
    own = replace(LOCAL, base=replace(BASE, license="LicenseRef-Mine"))
    assert told(own)["license_link"] is None


def test_one_adapter_merged_is_a_finetune() -> None:
    one = replace(MERGED, adapters=(Weighted(V8, 1.0),))
    assert told(one)["base_model_relation"] == "finetune"


def test_licence_of_the_base_decides_where_it_is_stricter() -> None:
    data = told(replace(V9B, base=replace(BASE, license="LicenseRef-Tongyi-Qianwen")))
    assert data["license"] == "other"
    assert data["license_name"] == "licenseref-tongyi-qianwen"
    assert data["license_link"].endswith("/LICENSE")


def test_unknown_licence_is_linked_to_the_card_and_keeps_rights_back() -> None:
    own = replace(V9B, base=replace(BASE, license="LicenseRef-Mine"))
    assert told(own)["license_link"] == "https://huggingface.co/you/v9b-lora#licence"
    assert 'No right to pass it on comes with "LicenseRef-Mine".' in model_card(own)
