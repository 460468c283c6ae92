"""`load_dataset` reads what was published, in a process of its own."""

from __future__ import annotations

import json
from pathlib import Path

from huggingface_hub import HfApi

from tests.hub_server import WRITE, HubServer
from tests.hub_server.client import IMPATIENT, run_python
from tests.hub_server.writing import CARD, REPO, SENDS, commit, shard

pytestmark = SENDS

LOAD = """
import json, sys
from collections import Counter
from datasets import load_dataset
for config, revision, streaming in json.loads(sys.argv[1]):
    found = load_dataset(sys.argv[2], config, revision=revision, streaming=streaming)
    print(json.dumps({split: Counter(row["id"] for row in rows) for split, rows in found.items()}))
"""


def test_data_sets_load_by_config_and_tag(hub: HubServer, api: HfApi, tmp_path: Path) -> None:
    api.update_repo_settings(REPO, private=True, repo_type="dataset")
    files = {"v7/train-0.parquet": shard(7), "v8/train-a.parquet": shard(81)}
    files |= {"v8/train-b.parquet": shard(82), "v8/validation-0.parquet": shard(83)}
    commit(api, {"README.md": CARD.encode(), **files})
    api.create_tag(REPO, tag="v1.0.0", repo_type="dataset")
    commit(api, {"v8/train-c.parquet": shard(84)})
    api.create_tag(REPO, tag="v1.1.0", repo_type="dataset")
    loads = [
        (config, revision, streaming)
        for streaming in (False, True)
        for config, revision in (("v7", "v1.0.0"), ("v8", "v1.0.0"), ("v8", "v1.1.0"))
    ]
    ended = run_python(tmp_path, hub.url, "-c", LOAD, json.dumps(loads), REPO, token=WRITE)
    assert ended.returncode == 0, ended.stderr
    v8 = {"train": {"81": 200, "82": 200}, "validation": {"83": 200}}
    newer = {**v8, "train": {"81": 200, "82": 200, "84": 200}}
    once = [{"train": {"7": 200}}, v8, newer]
    assert [json.loads(line) for line in ended.stdout.splitlines()] == once * 2


def test_a_private_data_set_loads_for_nobody_else(
    hub: HubServer, api: HfApi, tmp_path: Path
) -> None:
    commit(api, {"README.md": CARD.encode(), "v7/train-0.parquet": shard(7)})
    hub.repos[REPO].private = True
    one = json.dumps([("v7", None, True)])
    ended = run_python(tmp_path, hub.url, "-c", IMPATIENT + LOAD, one, REPO)
    assert ended.returncode == 1
    assert "DatasetNotFoundError" in ended.stderr
