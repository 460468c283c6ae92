"""Recipes: which sets make a mixture, and how many training rows each, as literal tables in YAML.

A recipe is `recipes/<name>.yaml` or a file of the user's. What it does not know, it refuses.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from builders.builder import Set
from builders.errors import ShopmixError
from builders.registry import builders

RECIPES = Path(__file__).resolve().parents[2] / "recipes"
_NAME = re.compile(r"[A-Za-z0-9][\w.-]*", re.ASCII)
_AT_MOST = re.compile(r"at most (\d+)")


class Size(BaseModel):
    """How many training rows of a set; at_most: fewer will do, where the source has no more."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rows: int = Field(gt=0, lt=2**31)
    at_most: bool = False


def _size(given: Any) -> Any:
    """A count of rows, or `at most N`: a fraction or `all` would mean another thing next time."""
    if isinstance(given, int) and not isinstance(given, bool):
        return {"rows": given}
    if isinstance(given, str) and (found := _AT_MOST.fullmatch(given)):
        return {"rows": int(found[1]), "at_most": True}
    raise ValueError("a size is a count of training rows, as 10000, or `at most 10000`")


def _splits(given: Any) -> Any:
    if not isinstance(given, list | tuple):
        raise ValueError("a list of splits, as [train]")
    return given


class Recipe(BaseModel):
    """A recipe with all that it includes.

    seed: of the samples' draw and of the order of rows. base_model: whose tokens lengths are
    counted in. duplicates: whether they are only reported, or dropped before the draw. folds: one
    key in so many leads samples of the validation split. splits: which of each source may be used.
    benchmarks: files of questions that must not be in it, or digests of such files.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    seed: int = Field(ge=0)
    base_model: str
    duplicates: Literal["report", "drop"]
    folds: int = Field(ge=2, le=1_000_000)
    splits: dict[str, Annotated[tuple[str, ...], BeforeValidator(_splits), Field(min_length=1)]]
    benchmarks: tuple[Path, ...]
    sets: dict[str, Annotated[Size, BeforeValidator(_size)]] = Field(min_length=1)

    def told(self) -> dict[str, Any]:
        """What decides a mixture, without the names of files, whose content is hashed apart."""
        told = self.model_dump(mode="json", exclude={"benchmarks", "sets"})
        sizes = {
            name: f"at most {size.rows}" if size.at_most else size.rows
            for name, size in self.sets.items()
        }
        return {**told, "sets": sizes}


def find(name: str) -> Path:
    """The file of a recipe: ours by its name, another by its path. Raises `ShopmixError`."""
    ours = RECIPES / f"{name}.yaml"
    if ours.is_file():
        return ours
    path = Path(name)
    if path.is_file():
        return path
    if path.suffix in (".yaml", ".yml"):
        raise ShopmixError(f"{name}: no such recipe file")
    known = sorted(file.stem for file in RECIPES.glob("*.yaml"))
    raise ShopmixError(
        f"no recipe {name!r}: did you mean {_nearest(name, known)}? There are {', '.join(known)}, "
        f"and your own by the path of a .yaml file"
    )


def load(path: Path) -> Recipe:
    """Read a recipe. Raises `ShopmixError` naming the file and the key that is wrong."""
    if not _NAME.fullmatch(path.stem):
        raise ShopmixError(
            f"{path}: a recipe's name becomes a folder's and a config's: letters, digits, _, - and "
            f". alone, beginning with a letter or digit"
        )
    content = _resolved(path, ())
    known = {name: made for builder in builders() for name, made in _sets(builder.sets).items()}
    for name in content["sets"]:
        if name not in known:
            raise ShopmixError(
                f"{path}, sets: no set {name!r}: did you mean {_nearest(name, known)}? "
                f"(python -m builders lists all)"
            )
    if not content["sets"]:
        raise ShopmixError(f"{path}, sets: a table of sets and their sizes is wanted")
    sources = _sources(content["sets"])
    splits = content["splits"]
    for source in sources:
        if source not in splits:
            raise ShopmixError(
                f"{path}, splits: say which splits of {source} may be used, as {source}: [train]"
            )
    for source in splits:
        if source not in sources:
            raise ShopmixError(
                f"{path}, splits: no set is of {source!r}; sources here: {', '.join(sources)}"
            )
    try:
        return Recipe.model_validate({**content, "name": path.stem})
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        said = first["msg"].removeprefix("Value error, ")
        given = "" if first["type"] == "missing" else f", not {first['input']!r}"
        raise ShopmixError(f"{path}, {key}: {said}{given}") from None


def _sets(sets: Collection[Set]) -> dict[str, Set]:
    return {made.name: made for made in sets}


def _resolved(path: Path, through: tuple[Path, ...]) -> dict[str, Any]:
    """A recipe's content over that of the one it includes."""
    path = path.resolve()
    if path in through:
        raise ShopmixError(f"{path} includes itself, through {through[-1]}")
    content = read_table(path)
    allowed = {*Recipe.model_fields, "include", "without"} - {"name"}
    for key in content:
        if key not in allowed:
            raise ShopmixError(f"{path}: no key {key!r}: did you mean {_nearest(key, allowed)}?")
    for key in ("sets", "splits"):
        if key in content and not isinstance(content[key], dict):
            raise ShopmixError(f"{path}, {key}: a table of name: value is wanted")
    for key, what in (("benchmarks", "files"), ("without", "sets")):
        given = content.get(key, [])
        if not isinstance(given, list) or not all(isinstance(one, str) for one in given):
            raise ShopmixError(f"{path}, {key}: a list of {what} is wanted")
    if "benchmarks" in content:  # they lie beside the recipe that names them
        content["benchmarks"] = [path.parent / one for one in content["benchmarks"]]
    base: dict[str, Any] = {}
    if "include" in content:
        included = content.pop("include")
        beside = path.parent / f"{included}.yaml"
        file = beside if beside.is_file() else find(str(included))
        base = _resolved(file, (*through, path))
    sets = dict(base.get("sets", {}))
    for name in content.pop("without", []):
        if name not in sets:
            raise ShopmixError(f"{path}, without: {name!r} is no set of the recipe it includes")
        del sets[name]
    sets |= content.get("sets", {})
    used = _sources(sets)
    splits = {name: own for name, own in base.get("splits", {}).items() if name in used}
    return {**base, **content, "sets": sets, "splits": {**splits, **content.get("splits", {})}}


def _sources(sets: Iterable[str]) -> list[str]:
    """The sources of sets, each once."""
    return list(dict.fromkeys(str(name).partition(".")[0] for name in sets))


def read_table(path: Path) -> dict[str, Any]:
    """The keys of a YAML file, none of which may stand twice. Raises `ShopmixError`."""
    try:
        content = yaml.load(path.read_text("utf-8"), _Strict)
    except yaml.MarkedYAMLError as error:
        line = "" if error.problem_mark is None else f", line {error.problem_mark.line + 1}"
        raise ShopmixError(f"{path}{line}: {error.problem}") from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ShopmixError(f"{path} cannot be read as YAML: {error}") from None
    if not isinstance(content, dict):
        raise ShopmixError(f"{path}: a recipe is a table of keys, see {RECIPES.name}/v7.yaml")
    return content


class _Strict(yaml.SafeLoader):
    """A loader for which a key that stands twice is an error, not the last one's word."""


def _mapping(loader: _Strict, node: yaml.MappingNode) -> dict[Any, Any]:
    seen = set()
    for key, _ in node.value:
        if not isinstance(key, yaml.ScalarNode):
            raise yaml.MarkedYAMLError(problem="a key is a word", problem_mark=key.start_mark)
        if key.value in seen:
            raise yaml.MarkedYAMLError(
                problem=f"key {key.value!r} stands twice", problem_mark=key.start_mark
            )
        seen.add(key.value)
    return loader.construct_mapping(node, deep=True)


_Strict.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)


def _nearest(name: Any, known: Collection[str] | Mapping[str, Any]) -> str:
    return difflib.get_close_matches(str(name), sorted(known), n=1, cutoff=0.0)[0]
