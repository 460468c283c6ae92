"""The card of published mixtures: README.md, written from their manifests."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from importlib import metadata
from typing import Any

from builders.cards.front_matter import joined, parsed, replaced, split
from builders.cards.licences import strictest_first, terms
from builders.cards.markdown import render
from builders.cards.mixture import section
from builders.cards.rebuild import asked
from builders.cards.sources import used
from builders.errors import ShopmixError
from builders.mixture.manifest import NO_LLM, SPLITS, Manifest

#: Our part of a card stands between these two lines; all else of it was written by hand.
BEGIN, END = "<!-- shopmix: begin, written anew by each version -->", "<!-- shopmix: end -->"
_MIXTURE = re.compile(r"^<!-- shopmix mixture (\S+) -->\n", re.MULTILINE)

#: What the Hub calls our types.
TASK_CATEGORIES = {
    "multiple-choice": "multiple-choice",
    "ranking": "text-ranking",
    "retrieval": "text-retrieval",
    "named_entity_recognition": "token-classification",
    "generation": "text-generation",
}
#: The Hub's names of sizes, with the rows that each begins at.
_SIZES = {
    0: "n<1K",
    10**3: "1K<n<10K",
    10**4: "10K<n<100K",
    10**5: "100K<n<1M",
    10**6: "1M<n<10M",
    10**7: "10M<n<100M",
}


def dataset_card(
    existing: str | None, manifests: Mapping[str, Manifest], repo: str, version: str
) -> str:
    """README.md of a repo (`you/shopmix`) whose tag `v<version>` has these mixtures, by name.

    Of an existing card everything stays that is not ours: the text outside of our two marker
    lines, other keys, the configs of other names, and what it told of mixtures among them. Written
    again over itself, it is the same. Raises `ShopmixError` for a card that cannot be read so.
    """
    card = (existing or "").removeprefix("\ufeff")
    newline = "\r\n" if "\r\n" in card else "\n"
    front, text = split(card.replace("\r\n", "\n"))
    told = parsed(front)
    others = [one for one in _named(told, "configs") if one["config_name"] not in manifests]
    ours = _front_matter(told, others, manifests, repo)
    text = _with_block(text, {one["config_name"] for one in others}, manifests, repo, version)
    return joined(replaced(front, ours), text).replace("\n", newline)


def _named(told: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
    """The entries of `configs` or `dataset_info`; one alone may go without a list, or a name."""
    found = told.get(key) or []
    entries = [found] if isinstance(found, dict) else found
    if not isinstance(entries, list) or not all(isinstance(one, dict) for one in entries):
        raise ShopmixError(f"{key} in the YAML above README.md is no list of configs: repair it")
    return [{"config_name": "default", **one} for one in entries]


def _front_matter(
    told: Mapping[str, Any],
    others: list[dict[str, Any]],
    manifests: Mapping[str, Manifest],
    repo: str,
) -> dict[str, Any]:
    """Our keys. What is told of other configs is added to, as theirs are not at hand."""
    mixtures = [manifests[name] for name in sorted(manifests)]

    def with_others(key: str, values: Iterable[str]) -> list[str]:
        return list(dict.fromkeys([*(_list(told.get(key)) if others else []), *values]))

    rows = sum(file.rows for one in mixtures for file in one.files)
    infos = [one for one in _named(told, "dataset_info") if one["config_name"] not in manifests]
    return {
        **({} if told.get("pretty_name") else {"pretty_name": repo.rpartition("/")[2]}),
        **_license(with_others("license", ()), mixtures, repo),
        "language": with_others(
            "language",
            sorted({code for one in mixtures for code in one.languages if len(code) == 2}),
        ),
        "task_categories": with_others(
            "task_categories",
            [
                category
                for kind, category in TASK_CATEGORIES.items()
                if any(one.task_types.get(kind) for one in mixtures)
            ],
        ),
        "size_categories": with_others(
            "size_categories", [_SIZES[max(start for start in _SIZES if start <= rows)]]
        ),
        "tags": list(dict.fromkeys([*_list(told.get("tags")), "shopmix", "shopbench"])),
        "configs": [*others, *map(_config, mixtures)],
        "dataset_info": [*infos, *map(_info, mixtures)],
    }


def _license(
    of_others: Iterable[str], mixtures: Iterable[Manifest], repo: str
) -> dict[str, str | None]:
    """The Hub knows one licence a repo; several, or one that it has no name for, are `other`."""
    found = strictest_first(id for one in mixtures for id in one.licenses)
    if len(found) > 1 or {*of_others} - {found[0].hub}:
        name, link = "several-see-the-card", f"https://huggingface.co/datasets/{repo}#licences"
        return {"license": "other", "license_name": name, "license_link": link}
    if found[0].hub == "other":
        name = found[0].id.lower()
        return {"license": "other", "license_name": name, "license_link": found[0].link}
    return {"license": found[0].hub, "license_name": None, "license_link": None}


def _list(value: Any) -> list[str]:
    return value if isinstance(value, list) else [value] if value else []


def _config(one: Manifest) -> dict[str, Any]:
    paths = [
        {"split": split, "path": f"{one.mixture}/{split}-*.parquet"}
        for split in SPLITS
        if any(file.split == split for file in one.files)
    ]
    return {"config_name": one.mixture, "data_files": paths}


def _info(one: Manifest) -> dict[str, Any]:
    """How many rows there are: `datasets` refuses to load another number. Bytes are files'."""
    splits = {split: [file for file in one.files if file.split == split] for split in SPLITS}
    return {
        "config_name": one.mixture,
        "splits": [
            {
                "name": split,
                "num_bytes": sum(file.bytes for file in files),
                "num_examples": one.rows(split),
            }
            for split, files in splits.items()
            if files
        ],
        "download_size": sum(file.bytes for file in one.files),
    }


def _with_block(
    text: str, others: set[str], manifests: Mapping[str, Manifest], repo: str, version: str
) -> str:
    begins, ends = text.count(f"{BEGIN}\n"), text.count(END)
    if not (begins == ends < 2 and text.find(BEGIN) <= text.find(END)):
        raise ShopmixError(
            f"README.md needs the lines {BEGIN} and {END} once each, in this order: repair it, "
            f"or take both out with what is between them"
        )
    before, _, rest = text.partition(f"{BEGIN}\n")
    block, _, after = rest.partition(END)
    # re.split gives what stands before the first marker, then a name and its section in turns
    pieces = _MIXTURE.split(block)
    sections = {
        name: kept.strip()
        for name, kept in zip(pieces[1::2], pieces[2::2], strict=True)
        if name in others
    }
    sections |= {name: section(one, repo, version) for name, one in manifests.items()}
    told = [_about([manifests[name] for name in sorted(manifests)], version)]
    told += [f"<!-- shopmix mixture {name} -->\n{sections[name]}" for name in sorted(sections)]
    lead = f"{before.rstrip()}\n\n" if before.strip() else "\n"
    return "".join([lead, BEGIN, "\n", "\n\n".join(told), "\n\n", END, after or "\n"])


def _about(mixtures: Sequence[Manifest], version: str) -> str:
    """What is told of all mixtures at once."""
    sources = [one for one in used(part for one in mixtures for part in one.sets) if one.rows]
    of_each = {one.mixture: used(one.sets) for one in mixtures}
    rows = {
        name: {(source.name, source.revision): source.rows for source in found}
        for name, found in of_each.items()
    }
    follows: dict[str, list[str]] = {}
    for one in mixtures:
        follows.setdefault(terms(one.licenses), []).append(one.mixture)
    return render(
        "dataset.md.j2",
        mixtures=mixtures,
        version=version,
        shopmix=metadata.version("shopmix"),
        sources=sources,
        citations={one.name: one.citation for one in sources if one.citation},
        rows=rows,
        follows=follows,
        licences=strictest_first(one.licence.id for one in sources),
        llm=any(one.generators.keys() - {NO_LLM} for one in mixtures),
        ledger=any(asked(one, of_each[one.mixture]) for one in mixtures),
    )
