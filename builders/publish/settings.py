"""What a publish is asked for."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from builders.errors import ShopmixError

#: Where mixtures lie unless it is said otherwise.
MIXTURES = Path("data/mixtures")
_SAID = {
    "repo": "name a data set on the Hub as you/shopmix",
    "version": "a version is three numbers, as 1.0.0",
    "mixtures": "a mixture is named by its folder's name",
}


class Settings(BaseModel):
    """The options of the command.

    benchmark: files of questions to look for, beside those that ship with shopmix. public: whether
    all may see it. i_have_checked: that the licences allow it, though ours say they do not.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    mixtures: tuple[str, ...] = Field(min_length=1)
    repo: str = Field(pattern=r"^[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*$")
    version: str = Field(pattern=r"^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)$")
    folder: Path = MIXTURES
    benchmark: tuple[Path, ...] = ()
    public: bool = False
    i_have_checked: bool = False
    dry_run: bool = False

    @property
    def tag(self) -> str:
        """The version as git knows it."""
        return f"v{self.version}"


def arguments(argv: Sequence[str] | None) -> Settings:
    """Settings from the command line. Raises `ShopmixError` on a value that cannot be."""
    parser = argparse.ArgumentParser(
        prog="python -m builders.publish",
        description="Publish mixtures on the Hub, in one commit and one tag, read back and "
        "verified. Run it again after a failure: it goes on where it stopped.",
    )
    parser.add_argument("mixtures", nargs="+", metavar="MIXTURE", help="as v8")
    parser.add_argument("--repo", required=True, metavar="YOU/NAME", help="a data set on the Hub")
    parser.add_argument("--version", required=True, metavar="X.Y.Z", help="the tag is vX.Y.Z")
    parser.add_argument(
        "--mixtures", dest="folder", type=Path, default=MIXTURES, metavar="DIR",
        help=f"where they lie (default: {MIXTURES})",
    )  # fmt: skip
    parser.add_argument(
        "--benchmark", type=Path, action="append", default=[], metavar="FILE",
        help="questions that must not be in them, beside ShopBench's development questions",
    )  # fmt: skip
    parser.add_argument(
        "--public", action="store_true", help="for all to see, where the licences allow it"
    )
    parser.add_argument(
        "--i-have-checked", action="store_true",
        help="with --public: you have the rights that the licences do not give",
    )  # fmt: skip
    parser.add_argument("--dry-run", action="store_true", help="show the commit, send nothing")
    given = vars(parser.parse_args(argv))
    given["mixtures"] = tuple(dict.fromkeys(given["mixtures"]))
    try:
        return Settings(**given)
    except ValidationError as error:
        first = error.errors()[0]
        key = str(first["loc"][0])
        raise ShopmixError(f"--{key} {first['input']}: {_SAID.get(key, first['msg'])}") from None
