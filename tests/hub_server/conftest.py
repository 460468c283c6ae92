"""A server, and a client that may write to it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from huggingface_hub import HfApi, close_session

from tests.hub_server import WRITE, HubServer, serving
from tests.hub_server.writing import REPO


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_XET", True)
    with serving() as server:
        yield server
        close_session()


@pytest.fixture
def api(hub: HubServer) -> HfApi:
    """The client of one who may write, and a data set."""
    found = HfApi(endpoint=hub.url, token=WRITE)
    found.create_repo(REPO, repo_type="dataset")
    hub.requests.clear()
    return found


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The client tries again at once."""
    monkeypatch.setattr("time.sleep", lambda seconds: None)
