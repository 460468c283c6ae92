"""The sweep itself: each point is made, scored, kept and thrown away again.

Base and adapters are read and checked once. What no adapter changes is linked, not copied. A killed
sweep goes on with the point it was at, whose half-made model is made whole.
"""

from __future__ import annotations

import shutil
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import xxhash

from builders.console import Reporter
from builders.errors import FatalError
from training.sweep.grid import Axis, Point, named, points
from training.sweep.results import Key, Part, Scored, kept, key
from training.sweep.scoring import Scorer, scorer
from training.sweep.settings import Settings
from training.wise_ft.combination import Combination, opened, parsed
from training.wise_ft.digest import digest
from training.wise_ft.merge import merge
from training.wise_ft.save_adapter import save_adapter

#: Below --out, for the point that is at work.
SCRATCH = ".scratch"


@dataclass(frozen=True)
class Swept:
    """A sweep that is done. base: as given. points: all of the grid, in its order."""

    base: str
    tried: tuple[Axis, ...]
    scorer: Scorer
    points: Mapping[Point, Scored]

    @property
    def best(self) -> Point:
        """The point with the highest score, the first of equal ones."""
        return max(self.points, key=lambda point: self.points[point].score)


def sweep(settings: Settings, report: Reporter) -> Swept:
    """Score all points of the grid that are not scored yet. Raises `ShopmixError`."""
    scores, tried = scorer(settings.command), settings.tried
    with kept(settings.out) as results:
        made = _opened(settings, report)
        work = _Work(digest(made.base), scores, settings.out / SCRATCH, report)
        grid = {point: _at(made, tried, point) for point in points(tried)}
        keys = {point: work.key(one) for point, one in grid.items()}
        left = [point for point in grid if keys[point] not in results.points]
        if len(left) < len(grid):
            report.note(f"{len(grid) - len(left)} of {len(grid)} points are scored already")
        for point in left:
            done = [results.points[one].seconds for one in keys.values() if one in results.points]
            name = named(tried, point)
            eta = _eta(done, len(grid) - len(done))
            report.note(f"point {len(done) + 1} of {len(grid)}: {name}{eta}")
            scored = work.scored(grid[point], name)
            results.add(scored)
            report.note(f"{name}: score {scored.score:.6g} ({scored.seconds:,.1f} s)")
        _clear(work.scratch)
        return Swept(settings.base, tried, scores, {p: results.points[keys[p]] for p in grid})


def _opened(settings: Settings, report: Reporter) -> Combination:
    whole = [f"{axis.adapter}=1" for axis in settings.tried]
    return opened(settings.base, whole, report.note)


def _at(made: Combination, tried: Sequence[Axis], point: Point) -> Combination:
    """A combination at the weights of a point; checkpoints that are averaged share theirs."""
    shares = [len(parsed(f"{axis.adapter}=1").where) for axis in tried]
    weights = zip(point, shares, strict=True)
    return made.at([weight / share for weight, share in weights for _ in range(share)])


def _eta(seconds: Sequence[float], left: int) -> str:
    """What `left` points will take, if they are like others."""
    if not seconds:
        return ""
    minutes = statistics.mean(seconds) * left / 60
    return f", about {minutes:,.0f} min left" if minutes >= 1 else ", less than a minute left"


@dataclass(frozen=True)
class _Work:
    """What all points share. base: digest of the base."""

    base: str
    scorer: Scorer
    scratch: Path
    report: Reporter

    def key(self, made: Combination) -> Key:
        """What results are found by."""
        return key(self.base, _parts(made), self.scorer.template)

    def scored(self, made: Combination, name: str) -> Scored:
        """Make what the command scores, and run it; it stays until the score is kept."""
        start, kind = time.perf_counter(), self.scorer.scores
        folder = self._folder(made)
        model = folder / kind
        if kind == "adapter":
            save_adapter(made, model, report=self.report)
        elif made.active:
            merge(made, model, self.report, link=True)
        else:
            model = made.base.folder
        self.report.note(f"scoring; what the command says is in {folder}")
        score = self.scorer.score(name, {"base": made.base.folder, kind: model}, folder)
        return Scored(
            base=self.base,
            adapters=_parts(made),
            command=self.scorer.template,
            score=score,
            seconds=round(time.perf_counter() - start, 3),
        )

    def _folder(self, made: Combination) -> Path:
        """Where a combination is made; what was made of others is removed. It has the same name at
        the next try, with another command too, so that nothing is made twice."""
        said = [self.base, made.base.name, self.scorer.scores]
        said += [f"{one.adapter.name} {one.adapter.digest} {one.weight!r}" for one in made.parts]
        folder = self.scratch / xxhash.xxh3_128_hexdigest("\n".join(said).encode())[:16]
        _clear(self.scratch, but=folder)
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise FatalError(f"{folder} cannot be made: {error.strerror or error}") from None
        return folder


def _parts(made: Combination) -> tuple[Part, ...]:
    return tuple(
        Part(name=part.adapter.name, digest=part.adapter.digest, weight=part.weight)
        for part in made.active
    )


def _clear(scratch: Path, but: Path | None = None) -> None:
    """Remove what was made of points, but for one folder."""
    try:
        # half a folder must not be taken for a whole one: it has another name, and goes first
        for folder in sorted(scratch.iterdir(), reverse=True) if scratch.exists() else ():
            if folder != but:
                shutil.rmtree(folder.rename(folder.with_suffix(".gone")))
        if but is None and scratch.exists():
            scratch.rmdir()
    except OSError as error:
        raise FatalError(f"{scratch} cannot be emptied: {error.strerror or error}") from None
