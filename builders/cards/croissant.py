"""Croissant metadata of published mixtures: what other tools load and index data sets by.

https://docs.mlcommons.org/croissant/docs/croissant-spec.html
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from builders.cards.licences import strictest_first
from builders.cards.sources import Used, used
from builders.errors import ShopmixError
from builders.mixture.manifest import Manifest
from builders.sample import SCHEMA

if TYPE_CHECKING:
    import mlcroissant as mlc

NAME = "croissant.json"
_PARQUET = "application/x-parquet"
#: The format asks for a hash of a repository, which has none; the Hub names this issue instead.
_NO_HASH = "https://github.com/mlcommons/croissant/issues/80"
#: A row's split of its mixture; the column `split` is that of its source.
_SPLIT = "mixture_split"
_LIST = {"is_array": True, "array_shape": "-1"}
#: Columns that hold a list of texts.
_LISTS = tuple(name for name, kind in SCHEMA.items() if str(kind) == "List(String)")


def croissant(manifests: Mapping[str, Manifest], repo: str, version: str) -> str:
    """croissant.json of a repo whose tag `v<version>` has these mixtures, as text.

    It has no `datePublished`, so that the same mixtures give the same bytes. Raises `ShopmixError`
    where mlcroissant is not installed.
    """
    try:
        import mlcroissant as mlc  # noqa: PLC0415 - an extra, with pandas and rdflib behind it
    except ModuleNotFoundError:
        raise ShopmixError(
            f"{NAME} is written by mlcroissant: pip install 'shopmix[publish]'"
        ) from None
    mixtures = [manifests[name] for name in sorted(manifests)]
    parts = [part for one in mixtures for part in one.sets]
    context = mlc.Context(conforms_to="http://mlcommons.org/croissant/1.1")
    metadata = mlc.Metadata(
        ctx=context,
        name=repo.rpartition("/")[2],
        description="Training samples in the format of ShopBench, made of public data.",
        url=f"https://huggingface.co/datasets/{repo}",
        version=version,
        cite_as=_citation(repo, version),
        license=[one.link or one.id for one in strictest_first(_licenses(mixtures))],
        in_language=sorted({code for one in mixtures for code in one.languages}),
        distribution=_distribution(context, repo, version, mixtures),
        record_sets=[_records(context, one) for one in mixtures],
        extra_properties={
            "identifier": [f"shopmix:{one.mixture}:{one.id}" for one in mixtures],
            "isBasedOn": [_lineage(one) for one in used(parts) if one.rows],
        },
    )
    return json.dumps(metadata.to_json(), indent=2, ensure_ascii=False) + "\n"


def _licenses(mixtures: Iterable[Manifest]) -> list[str]:
    return sorted({id for one in mixtures for id in one.licenses})


def _distribution(
    context: mlc.Context, repo: str, version: str, mixtures: Iterable[Manifest]
) -> list[mlc.FileObject | mlc.FileSet]:
    """The repo at its tag, every shard with its hash, and the shards of each mixture together."""
    import mlcroissant as mlc  # noqa: PLC0415

    parts: list[mlc.FileObject | mlc.FileSet] = [
        mlc.FileObject(
            ctx=context,
            id="repo",
            name="repo",
            description="The repository at the version's tag.",
            content_url=f"https://huggingface.co/datasets/{repo}/tree/refs%2Ftags%2Fv{version}",
            encoding_formats=["git+https"],
            sha256=_NO_HASH,
        )
    ]
    for one in mixtures:
        parts += [
            mlc.FileObject(
                ctx=context,
                id=f"{one.mixture}/{file.path}",
                name=file.path,
                contained_in=["repo"],
                content_url=f"{one.mixture}/{file.path}",
                content_size=f"{file.bytes} B",
                encoding_formats=[_PARQUET],
                sha256=file.sha256,
            )
            for file in one.files
        ]
        parts.append(
            mlc.FileSet(
                ctx=context,
                id=f"{one.mixture}-shards",
                name=f"{one.mixture}-shards",
                contained_in=["repo"],
                includes=[f"{one.mixture}/*.parquet"],
                encoding_formats=[_PARQUET],
            )
        )
    return parts


def _records(context: mlc.Context, one: Manifest) -> mlc.RecordSet:
    """A row's columns, and the split of the mixture that its shard's name tells."""
    import mlcroissant as mlc  # noqa: PLC0415

    def source(extract: dict[str, str], transform: dict[str, str] | None = None) -> mlc.Source:
        return mlc.Source(
            ctx=context,
            file_set=f"{one.mixture}-shards",
            extract=mlc.Extract(ctx=context, **extract),
            transforms=[mlc.Transform(ctx=context, **transform)] if transform else [],
        )

    def field(name: str, source: mlc.Source, **more: Any) -> mlc.Field:
        text = {"data_types": [mlc.DataType.TEXT]}
        id = f"{one.mixture}/{name}"
        return mlc.Field(
            ctx=context, id=id, name=name.rpartition("/")[2], source=source, **text, **more
        )

    fields = [
        field(name, source({"column": name}), **(_LIST if name in _LISTS else {}))
        for name in SCHEMA
        if name != "messages"
    ]
    messages = mlc.Field(
        ctx=context,
        id=f"{one.mixture}/messages",
        name="messages",
        sub_fields=[
            field(f"messages/{key}", source({"column": "messages"}, {"json_path": key}))
            for key in ("role", "content")
        ],
        **_LIST,
    )
    split = source({"file_property": "fullpath"}, {"regex": f"^.*{one.mixture}/([a-z]+)-.*$"})
    return mlc.RecordSet(
        ctx=context,
        id=one.mixture,
        name=one.mixture,
        description=f"The mixture {one.mixture}, id {one.id}.",
        fields=[field(_SPLIT, split), messages, *fields],
    )


def _citation(repo: str, version: str) -> str:
    """How to cite a version, as BibTeX; without a year, for the same bytes."""
    name = repo.rpartition("/")[2]
    return (
        f"@misc{{{name}, title = {{{{{name}}}: training mixtures for shopping assistants}}, "
        f"version = {{{version}}}, "
        f"howpublished = {{\\url{{https://huggingface.co/datasets/{repo}}}}}}}"
    )


def _lineage(source: Used) -> dict[str, Any]:
    return {
        "@type": "sc:Dataset",
        "name": f"{source.name}, demo rows of shopmix" if source.demo else source.name,
        "version": source.revision,
        "license": source.licence.link or source.licence.id,
        **({"url": source.link} if source.link and not source.demo else {}),
        **({"citation": str(source.citation)} if source.citation else {}),
    }
