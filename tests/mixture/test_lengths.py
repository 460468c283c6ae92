"""Lengths are those of the base model's own tokenizer under its own chat template."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from tokenizers import Regex, Tokenizer, models, pre_tokenizers, trainers

from builders.errors import ShopmixError
from builders.mixture.chat import Chat, cached, identity
from builders.mixture.lengths import measure
from tests.engines.engine import Engine

MODEL = "somebody/model"
#: ChatML as Qwen2's is: a system prompt where there is none, each message in its mark-up.
CHATML = (
    "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}"
    "{{ '<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n' }}{% endif %}"
    "{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
#: What templates do beside: blocks on lines of their own, special tokens, JSON, marked answers.
ELABORATE = """{{ bos_token }}
{% for message in messages %}
    {% if message.role not in ["system", "user", "assistant"] %}
        {{ raise_exception("no such role: " + message.role) }}
    {% endif %}
    {% if message.role == "system" and not message.content %}{% continue %}{% endif %}
<|im_start|>{{ {"role": message.role, "ümlaut": true} | tojson }}
{% if message.role == "assistant" %}
{%- generation -%}
{{ message.content | trim }}{{ eos_token }}
{%- endgeneration -%}
{% else %}
{{ message.content }}
{% endif %}
{% endfor %}"""
MESSAGES = [
    {"role": "system", "content": "You are a helpful online shopping assistant."},
    {
        "role": "user",
        "content": "Which brand makes “Trail & Tarn” <boots>?\n\n0. ハイキング 靴\n1. 12.5 cm",
    },
    {"role": "assistant", "content": " 1 "},
]


def samples(*texts: str) -> pl.DataFrame:
    """Samples with these questions."""
    rows = [[MESSAGES[0], {"role": "user", "content": text}, MESSAGES[2]] for text in texts]
    return pl.DataFrame({"messages": rows})


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A byte-level BPE tokenizer, trained on a few words, beside a template in its configuration.

    Like published ones it is set to cut and to pad, which must not change a length.
    """
    made = tmp_path_factory.mktemp("tokenizer")
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(r"\p{N}| ?\p{L}+|\s+|[^\s\p{L}\p{N}]+"), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=["<|endoftext|>", "<|im_start|>", "<|im_end|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    bpe.train_from_iterator([one["content"] for one in MESSAGES] * 20, trainer)
    bpe.enable_truncation(8)
    bpe.enable_padding(length=64)
    bpe.save(str(made / "tokenizer.json"))
    config = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": None,
        "eos_token": {"__type": "AddedToken", "content": "<|im_end|>", "special": True},
        "pad_token": "<|endoftext|>",
        "chat_template": CHATML,
    }
    (made / "tokenizer_config.json").write_text(json.dumps(config))
    return made


def other(folder: Path, to: Path, **changes: Any) -> Path:
    """The same tokenizer with another configuration."""
    config = json.loads((folder / "tokenizer_config.json").read_text())
    (to / "tokenizer.json").write_bytes((folder / "tokenizer.json").read_bytes())
    (to / "tokenizer_config.json").write_text(json.dumps(config | changes))
    return to


def test_a_conversation_is_rendered_as_chatml(folder: Path) -> None:
    text = Chat(folder, MODEL).render(MESSAGES)
    assert text == "".join(
        f"<|im_start|>{one['role']}\n{one['content']}<|im_end|>\n" for one in MESSAGES
    )


def test_tokens_are_counted_whole(folder: Path) -> None:
    bpe = Tokenizer.from_file(str(folder / "tokenizer.json"))
    bpe.no_truncation()
    bpe.no_padding()
    chat = Chat(folder, MODEL)
    expected = len(bpe.encode(chat.render(MESSAGES), add_special_tokens=False).ids)
    assert expected > 64
    assert chat.count([MESSAGES]).tolist() == [expected]


def test_a_file_goes_before_the_configuration(folder: Path, tmp_path: Path) -> None:
    made = other(folder, tmp_path, bos_token="<|endoftext|>")
    (made / "chat_template.jinja").write_text(ELABORATE, "utf-8")
    assert Chat(made, MODEL).render(MESSAGES[2:]) == (
        '<|endoftext|>\n<|im_start|>{"role": "assistant", "ümlaut": true}\n1<|im_end|>'
    )


def test_of_several_templates_the_default_is_taken(folder: Path, tmp_path: Path) -> None:
    several = [{"name": "tool_use", "template": "no"}, {"name": "default", "template": CHATML}]
    made = other(folder, tmp_path, chat_template=several)
    assert Chat(made, MODEL).render(MESSAGES) == Chat(folder, MODEL).render(MESSAGES)


@pytest.mark.engines
@pytest.mark.parametrize("template", [CHATML, ELABORATE])
def test_equal_to_transformers(template: str, folder: Path, tmp_path: Path) -> None:
    made = other(folder, tmp_path, bos_token="<|endoftext|>", chat_template=template)
    code = (
        "import json, sys; from transformers import AutoTokenizer\n"
        "chat = AutoTokenizer.from_pretrained(sys.argv[1]).apply_chat_template\n"
        "messages = json.loads(sys.argv[2])\n"
        "text, encoded = chat(messages, tokenize=False), chat(messages, return_dict=True)\n"
        "print(json.dumps([text, len(encoded['input_ids'])]))"
    )
    said = Engine("axolotl", tmp_path).run("python", "-c", code, made, json.dumps(MESSAGES))
    chat = Chat(made, MODEL)
    text, tokens = json.loads(said.splitlines()[-1])
    assert chat.render(MESSAGES) == text
    assert chat.count([MESSAGES]).tolist() == [tokens]


def test_figures(folder: Path) -> None:
    rows = samples(*("boots " * n for n in range(1, 101)))
    lengths = np.sort(Chat(folder, MODEL).count(rows["messages"].to_list()))
    done: list[int] = []
    found = measure(rows, MODEL, folder, done.append)
    assert done == [100]
    assert found.unit == "tokens"
    assert (found.tokenizer or "").startswith("somebody/model@")
    assert (found.total, found.mean) == (lengths.sum(), lengths.mean())
    assert (found.median, found.p95, found.longest) == tuple(lengths[[49, 94, 99]])
    assert sum(found.histogram.values()) == 100
    below = sum(rows for end, rows in found.histogram.items() if end <= 128)
    assert below == (lengths <= 128).sum()
    assert [packs.tokens for packs in found.packs] == [2_048, 4_096]
    assert found == measure(rows.reverse(), MODEL, folder)


def test_order_holds_across_batches(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = samples(*("boots " * n for n in range(1, 30)))
    whole = measure(rows, MODEL, folder)
    monkeypatch.setattr("builders.mixture.lengths._BATCH", 4)
    done: list[int] = []
    assert measure(rows, MODEL, folder, done.append) == whole
    assert done == [4, 8, 12, 16, 20, 24, 28, 29]


def test_without_a_tokenizer_it_is_an_estimate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    found = measure(samples("a" * 41, "靴" * 40), MODEL, None)
    assert found.unit == "tokens, estimated as 4 bytes of UTF-8 each"
    assert found.tokenizer is identity(MODEL, None) is None
    shared = 11 + 1 + 3 * 5  # the system prompt, the answer, and the mark-up
    assert found.total == 2 * shared + 11 + 30


def test_the_hubs_cache_is_enough(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    assert cached(MODEL) is None
    kept = tmp_path / "models--somebody--model"
    snapshot = kept / "snapshots" / ("1" * 40)
    snapshot.mkdir(parents=True)
    (kept / "refs").mkdir()
    (kept / "refs" / "main").write_text("1" * 40)
    assert cached(MODEL) is None  # of a model whose weights alone were fetched
    other(folder, snapshot)
    assert cached(MODEL) == snapshot
    rows = samples("boots")
    assert measure(rows, MODEL, None) == measure(rows, MODEL, folder)


def test_the_name_hangs_on_the_files(folder: Path, tmp_path: Path) -> None:
    made = other(folder, tmp_path, chat_template=CHATML + " ")
    assert (
        identity(MODEL, made)
        == Chat(made, MODEL).name
        == measure(samples("a"), MODEL, made).tokenizer
    )
    assert identity(MODEL, made) != identity(MODEL, folder)


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        ("tokenizer.json", "{}", "tokenizer.json: "),
        ("tokenizer_config.json", "[]", "tokenizer_config.json holds no JSON object"),
        ("tokenizer_config.json", "{}", "no chat template"),
        ("tokenizer_config.json", "{", "tokenizer_config.json is not JSON"),
        ("tokenizer_config.json", '{"chat_template": ["x"]}', "no chat template"),
        ("chat_template.jinja", "{% for %}", "line 1 of the chat template"),
    ],
)
def test_files_that_are_not_what_they_say(
    folder: Path, tmp_path: Path, file: str, content: str, said: str
) -> None:
    made = other(folder, tmp_path)
    (made / file).write_text(content)
    with pytest.raises(ShopmixError, match=said) as raised:
        measure(samples("boots"), MODEL, made)
    assert str(made) in str(raised.value)


def test_an_empty_folder(tmp_path: Path) -> None:
    with pytest.raises(ShopmixError, match="give a folder with somebody/model's") as raised:
        measure(samples("boots"), MODEL, tmp_path)
    assert str(tmp_path / "tokenizer_config.json: No such file") in str(raised.value)


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("{{ raise_exception('no system role') }}", "no system role"),
        ("{{ messages[0].content + 1 }}", "can only concatenate str"),
        ("{{ messages[0].__class__.mro() }}", "unsafe"),
        ("", "makes nothing of a conversation"),
    ],
)
def test_templates_that_do_not_work(folder: Path, tmp_path: Path, template: str, said: str) -> None:
    made = other(folder, tmp_path, chat_template=template)
    with pytest.raises(ShopmixError, match=said):
        measure(samples("boots"), MODEL, made)


def test_a_name_that_is_none() -> None:
    with pytest.raises(ShopmixError, match="base_model 'a/b/c' is no model's name"):
        measure(samples("boots"), "a/b/c", None)
