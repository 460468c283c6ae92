"""Let axolotl itself judge a configuration: check.py ASKED.json ANSWER.json

Runs in axolotl's environment and imports nothing of ours. ASKED: `config`, `capabilities` (of the
GPUs that it is for), and `samples`, each a list of messages. ANSWER: `flaws`, a line each;
`samples`, each the runs of its tokens as [text, whether they carry loss], or null where the base's
tokenizer is not at hand, and then `why`; `end`, the token that ends a turn; `packages`; and how
many `gpus` are here.
"""

import difflib
import json
import pkgutil
import sys
from collections.abc import Collection, Iterator, Mapping
from importlib.metadata import distributions
from itertools import groupby
from pathlib import Path
from typing import Any, get_args

import axolotl.prompt_strategies
import torch
from axolotl.loaders import load_tokenizer
from axolotl.utils.config import normalize_cfg_datasets, validate_config
from axolotl.utils.data.wrappers import DATASET_HANDLERS
from axolotl.utils.dict import DictDefault
from axolotl.utils.schemas.config import AxolotlInputConfig
from axolotl.utils.schemas.datasets import SFTDataset
from axolotl.utils.schemas.enums import CustomSupportedOptimizers
from pydantic import AliasChoices, BaseModel, ValidationError
from transformers.trainer_utils import SchedulerType
from transformers.training_args import OptimizerNames

#: Of the many kinds that these may be, the one that a mixture is.
KINDS = {"datasets": {SFTDataset}, "test_datasets": {SFTDataset}}
OPTIMIZERS = {one.value for kind in (OptimizerNames, CustomSupportedOptimizers) for one in kind}
#: axolotl's own two beside those of transformers.
SCHEDULERS = {one.value for one in SchedulerType} | {"one_cycle", "rex"}


def main() -> None:
    """Judge and answer."""
    asked = json.loads(Path(sys.argv[1]).read_text())
    config = asked["config"]
    answer: dict[str, Any] = {"flaws": [*unknown(config, {AxolotlInputConfig}), *values(config)]}
    answer |= {"samples": None, "why": None, "end": None}
    answer["gpus"] = torch.cuda.device_count()
    answer["packages"] = {one.name: one.version for one in distributions()}
    if not answer["flaws"]:
        valid, flaws = validated(config, asked["capabilities"])
        answer["flaws"] = flaws
        if not flaws:
            answer |= tokens(valid, asked["samples"])
    Path(sys.argv[2]).write_text(json.dumps(answer))


def unknown(
    given: Mapping[str, Any], kinds: Collection[type[BaseModel]], at: str = ""
) -> Iterator[str]:
    """Keys that none of these models has, which axolotl would pass over, and so on within them."""
    fields: dict[str, list[Any]] = {}
    for kind in kinds:
        for name, field in kind.model_fields.items():
            alias = field.validation_alias or field.alias
            names = alias.choices if isinstance(alias, AliasChoices) else [alias]
            for one in {name, *(one for one in names if isinstance(one, str))}:
                fields.setdefault(one, []).append(field.annotation)
    for key, value in given.items():
        where = f"{at}.{key}" if at else key
        if key not in fields:
            yield f"{where} is no key of axolotl's: did you mean {nearest(key, fields)}?"
            continue
        inner = KINDS.get(where) or {one for note in fields[key] for one in models(note)}
        for one in value if isinstance(value, list) else [value]:
            if inner and isinstance(one, dict):
                yield from unknown(one, inner, where)


def models(annotation: Any) -> Iterator[type[BaseModel]]:
    """The models that an annotation speaks of; none where it allows any mapping."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for one in get_args(annotation):
        yield from models(one)


def values(config: Mapping[str, Any]) -> Iterator[str]:
    """Names that axolotl's schema lets pass, and its trainer stumbles over."""
    types = {one.name for one in pkgutil.iter_modules(axolotl.prompt_strategies.__path__)}
    types |= DATASET_HANDLERS.keys()
    told = [("optimizer", OPTIMIZERS), ("lr_scheduler", SCHEDULERS)]
    found = [(key, config[key], known) for key, known in told if key in config]
    for key in ("datasets", "test_datasets"):
        for entry in config.get(key) or []:
            if isinstance(entry.get("type"), str):
                found.append((f"{key}.type", entry["type"].split(".")[0], types))
    for key, value, known in found:
        if value not in known:
            yield f"{key} {value!r} is unknown to axolotl: did you mean {nearest(value, known)}?"


def nearest(word: Any, known: Collection[str]) -> str:
    """The known word that is most like one."""
    return difflib.get_close_matches(str(word), sorted(known), n=1, cutoff=0.0)[0]


def validated(config: dict[str, Any], capabilities: dict[str, Any]) -> tuple[Any, list[str]]:
    """The configuration as axolotl completes it, and what it says against it."""
    environment = {"torch_version": torch.__version__.split("+")[0]}
    try:
        return validate_config(DictDefault(config), capabilities, environment), []
    except ValidationError as error:
        return None, [
            ": ".join(filter(None, [".".join(map(str, one["loc"])), one["msg"]]))
            for one in error.errors()
        ]
    except (ValueError, OSError, ImportError) as error:
        return None, [str(error)]


def tokens(config: Any, samples: list[list[dict[str, str]]]) -> dict[str, Any]:
    """The samples as axolotl's own strategy makes tokens and labels of them."""
    config.tokenizer_config = config.tokenizer_config or config.base_model
    try:
        tokenizer = load_tokenizer(config)
    except OSError as error:  # neither on the Hub nor in its cache
        return {"why": " ".join(str(error).split())}
    normalize_cfg_datasets(config)
    entry = config.datasets[0]
    strategy = axolotl.prompt_strategies.load(entry["type"], tokenizer, config, entry)
    field = entry["field_messages"] or "messages"
    made = [strategy.tokenize_prompt({field: messages}) for messages in samples]
    return {"samples": [list(runs(one, tokenizer)) for one in made], "end": tokenizer.eos_token}


def runs(made: Mapping[str, list[int]], tokenizer: Any) -> Iterator[tuple[str, bool]]:
    """Neighbouring tokens that carry loss, or do not, as one text. A label is its token."""
    pairs = list(zip(made["input_ids"], made["labels"], strict=True))
    assert all(label in (-100, token) for token, label in pairs)
    for learned, some in groupby(pairs, lambda pair: pair[1] != -100):
        yield tokenizer.decode([token for token, _ in some]), learned


if __name__ == "__main__":
    main()
