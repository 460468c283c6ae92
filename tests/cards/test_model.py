"""Cards of adapters and merged models."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from huggingface_hub import ModelCard, ModelCardData

from builders.cards.model import AdapterCard, MergedCard, Weighted, model_card
from tests.cards.models import BASE, HOW, MERGED, V8, V9B


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
