"""What a track's model is merged of: `recipes/tracks/track<n>.yaml`."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, ValidationError

from builders.errors import ShopmixError
from builders.mixture.recipe import read_table

TRACKS = Path(__file__).resolve().parents[2] / "recipes" / "tracks"


class Track(BaseModel):
    """adapters: the weight of each, by the name of the mixture that it was trained on."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    base_model: str
    adapters: dict[str, FiniteFloat] = Field(min_length=1)


def track(number: int) -> Track:
    """The recipe of track 1 to 5. Raises `ShopmixError` where it says what no recipe says."""
    path = TRACKS / f"track{number}.yaml"
    if not path.is_file():
        raise ShopmixError(f"--track {number}: there is no such track: 1 to 5 are")
    try:
        return Track.model_validate(read_table(path))
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"]))
        raise ShopmixError(f"{path}: {key}: {first['msg']}") from None
