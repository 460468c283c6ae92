"""The same command once more, when the version's tag is set."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from subprocess import Popen

import pytest

from tests.hub_server import HubError, HubServer
from tests.publish.conftest import (
    REPO,
    Publish,
    commits,
    on_request,
    refused,
    succeeded,
)
from tests.publish.mixtures import mixture

AGAIN = "run the same command again, it goes on where it stopped"


def test_a_hub_that_stumbles_where_it_is_made_public(
    hub: HubServer, publish: Publish, mixtures: Path
) -> None:
    mixture(mixtures, "v8")
    failed: list[str] = []

    def stumble(method: str, path: str) -> None:
        if path.endswith("/settings") and not failed:
            failed.append(method)
            raise HubError(500, "", "Internal Server Error")

    on_request(hub, stumble)
    refused(publish("v8", "--public"), "is published, but cannot be made public", AGAIN)
    assert failed == ["PUT"]
    assert hub.repos[REPO].private
    tagged, sent = dict(hub.repos[REPO].tags), dict(hub.received)

    hub.requests.clear()
    assert "v1.0.0 is published already, public, at" in succeeded(publish("v8", "--public"))
    assert not hub.repos[REPO].private
    assert (hub.repos[REPO].tags, hub.received) == (tagged, sent)
    assert commits(hub) == ["v1.0.0: v8", "initial commit"]
    written = [path for method, path in hub.requests if method not in ("GET", "HEAD")]
    assert written == [f"/api/datasets/{REPO}/settings"]
    assert not any(path.endswith(".parquet") for _, path in hub.requests)  # it was read back then


@pytest.mark.usefixtures("unverified")
def test_the_answer_is_lost_when_it_is_public(
    hub: HubServer, publish: Publish, mixtures: Path
) -> None:
    mixture(mixtures, "v8")
    hub.unanswered = lambda method, path: path.endswith("/settings")
    refused(publish("v8", "--public"), "cannot be made public: the connection failed", AGAIN)
    assert not hub.repos[REPO].private
    hub.requests.clear()
    assert "v1.0.0 is published already, public, at" in succeeded(publish("v8", "--public"))
    assert {method for method, _ in hub.requests} <= {"GET", "HEAD"}


def test_a_run_that_is_killed_between_tag_and_public(
    hub: HubServer, start: Callable[..., Popen[str]], publish: Publish, mixtures: Path
) -> None:
    mixture(mixtures, "v8")
    arrived, killed = threading.Event(), threading.Event()

    def hold(method: str, path: str) -> None:
        if path.endswith("/settings") and not arrived.is_set():
            arrived.set()
            killed.wait(60)
            raise HubError(500, "", "nobody is there to hear it")

    on_request(hub, hold)
    run = start("v8", "--public", version="1.0.0")
    assert arrived.wait(60)
    run.kill()
    run.communicate()
    killed.set()
    assert list(hub.repos[REPO].tags) == ["v1.0.0"]
    assert hub.repos[REPO].private

    assert "is published already, public" in succeeded(publish("v8", "--public"))
    assert not hub.repos[REPO].private
    assert commits(hub) == ["v1.0.0: v8", "initial commit"]


@pytest.mark.usefixtures("unverified")
def test_a_version_that_is_published(hub: HubServer, publish: Publish, mixtures: Path) -> None:
    """Also when the head has gone on to the next one, and of its mixtures one alone."""
    mixture(mixtures, "v7")
    mixture(mixtures, "v8")
    succeeded(publish("v7", "v8"))
    mixture(mixtures, "v8", seed=1)
    succeeded(publish("v8", version="1.1.0"))
    mixture(mixtures, "v8")
    head, tags = hub.repos[REPO].commit, dict(hub.repos[REPO].tags)

    hub.requests.clear()
    said = succeeded(publish("v7", "v8"))
    assert f"v1.0.0 is published already, private, at {tags['v1.0.0'].oid}" in said
    assert 'load_dataset("you/shopmix", "v8", revision="v1.0.0")' in said
    assert "is published already" in succeeded(publish("v8"))
    said = succeeded(publish("v8", "--dry-run"))
    assert f"v1.0.0 is published already, at {tags['v1.0.0'].oid}" in said
    assert "nothing was sent" in said
    assert {method for method, _ in hub.requests} <= {"GET", "HEAD"}
    assert (hub.repos[REPO].commit, hub.repos[REPO].tags) == (head, tags)
