"""From the demo rows to what a user loads: mixed, published, loaded."""

from __future__ import annotations

from pathlib import Path

from builders.mixture.manifest import SPLITS, read
from tests.hub_server import HubServer
from tests.hub_server.client import run_python
from tests.publish.conftest import Publish, loaded, succeeded
from tests.publish.mixtures import ids


def test_a_mixture_of_the_demo_rows(
    hub: HubServer, publish: Publish, mixtures: Path, demo: Path, tmp_path: Path
) -> None:
    command = ("builders.mixture", "demo", "--samples", str(demo), "--out", str(mixtures))
    done = run_python(tmp_path, hub.url, "-m", *command)
    assert done.returncode == 0, done.stdout + done.stderr
    told = read(mixtures / "demo")
    succeeded(publish("demo"))
    found = loaded(hub, tmp_path / "home", "v1.0.0", "demo")["demo"]
    assert {split: len(rows) for split, rows in found.items()} == {
        split: told.rows(split) for split in SPLITS
    }
    for split in SPLITS:
        assert found[split] == ids(mixtures, "demo", split)
    assert set(found["train"]).isdisjoint(found["validation"])
