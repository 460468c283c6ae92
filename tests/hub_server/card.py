"""What the Hub says of a card's front matter before it takes the commit."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

import yaml

from tests.hub_server.handler import Handler, HubError, route

_FRONT = re.compile(r"\A\s*---\r?\n(.*?)\r?\n?---[ \t]*(?:\r?\n|\Z)", re.DOTALL)
#: Of the licences that the Hub knows, those that data may well have.
_LICENSES = set(
    """apache-2.0 mit cc cc0-1.0 cc-by-3.0 cc-by-4.0 cc-by-sa-3.0 cc-by-sa-4.0 cc-by-nc-3.0
    cc-by-nc-4.0 cc-by-nd-4.0 cc-by-nc-nd-4.0 cc-by-nc-sa-3.0 cc-by-nc-sa-4.0 c-uda
    cdla-permissive-1.0 cdla-permissive-2.0 cdla-sharing-1.0 gpl-3.0 bsd-3-clause odc-by odbl pddl
    llama3 llama3.1 unknown other""".split()
)
_SIZES = ("n<1K", "1K<n<10K", "10K<n<100K", "100K<n<1M", "1M<n<10M", "10M<n<100M")
#: Of the Hub's tasks, those of text.
_TASKS = set(
    """text-classification token-classification question-answering text-generation text-ranking
    text-retrieval sentence-similarity summarization translation multiple-choice feature-extraction
    table-question-answering zero-shot-classification fill-mask other""".split()
)
_LANGUAGE = re.compile(r"[a-z]{2,3}|code|multilingual")


@route("POST", "/api/validate-yaml")
def _validate(handler: Handler, _parts: dict[str, str]) -> None:
    content = handler.json().get("content")
    if not isinstance(content, str):
        raise HubError(400, "", "there is no content")
    errors, warnings = judged(content)
    told = [[{"message": message} for message in kind] for kind in (errors, warnings)]
    handler.tell({"errors": told[0], "warnings": told[1]}, 400 if errors else 200)


def judged(card: str) -> tuple[list[str], list[str]]:
    """(errors, warnings) of a card. With an error the client does not commit it."""
    found = _FRONT.match(card)
    if found is None:
        return [], ["empty or missing yaml metadata in repo card"]
    try:
        read = yaml.safe_load(found.group(1))
    except yaml.YAMLError as error:
        return [f"YAML Metadata Error: {' '.join(str(error).split())}"], []
    if read is None:
        return [], ["empty or missing yaml metadata in repo card"]
    if not isinstance(read, dict):
        return ["the metadata is not a mapping"], []
    errors = _configs(read["configs"]) if "configs" in read else []
    for name in ("license", "language", "tags", "task_categories", "size_categories"):
        if not all(isinstance(one, str) for one in _listed(read.get(name))):
            errors.append(f'"{name}" must be a string or a list of them')
            read[name] = None
    errors += [
        f'"license" must be one of the Hub\'s identifiers: {one}'
        for one in _listed(read.get("license"))
        if one not in _LICENSES
    ]
    errors += [
        f'"language" must be an ISO 639 code: {one}'
        for one in _listed(read.get("language"))
        if not _LANGUAGE.fullmatch(one)
    ]
    known = {"task_categories": _TASKS, "size_categories": _SIZES}
    return errors, [
        f'"{name}" {one} is not in the official list'
        for name, official in known.items()
        for one in _listed(read.get(name))
        if one not in official
    ]


def _listed(value: Any) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _configs(configs: Any) -> list[str]:
    """Errors of `configs`: each has a name of its own, and files of named splits."""
    if not isinstance(configs, list):
        return ['"configs" must be a list']
    errors = []
    for i, config in enumerate(configs):
        at = f'"configs[{i}]'
        if not isinstance(config, dict) or not isinstance(config.get("config_name"), str):
            errors.append(f'{at}.config_name" must be a string')
        elif "data_files" in config and not _files(config["data_files"]):
            errors.append(f'{at}.data_files" must be patterns, or a list of splits with their path')
        elif not isinstance(config.get("default", False), bool):
            errors.append(f'{at}.default" must be a boolean')
    named = [one for one in configs if isinstance(one, dict)]
    twice = [name for name, n in Counter(str(c.get("config_name")) for c in named).items() if n > 1]
    errors += [f'"configs" has {name} more than once' for name in twice]
    if sum(one.get("default") is True for one in named) > 1:
        errors.append('"configs" has more than one default')
    return errors


def _files(files: Any) -> bool:
    """Whether `data_files` is a pattern, patterns, or a list of {split, path: one or more}."""
    if isinstance(files, str):
        return True
    if not isinstance(files, list) or not files:
        return False
    if all(isinstance(one, str) for one in files):
        return True
    return all(
        isinstance(one, dict)
        and isinstance(one.get("split"), str)
        and (paths := _listed(one.get("path")))
        and all(isinstance(path, str) for path in paths)
        for one in files
    )
