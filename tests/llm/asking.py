"""What the tests of LLM work share: a server to ask, questions, and how they are asked.

Also what runs in processes of their own, so that these can be killed.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.request import Request as HttpRequest
from urllib.request import urlopen

from builders.llm.backends.online import Online
from builders.llm.desk import Counts, Desk
from builders.llm.ledger import Answer, Failure, Ledger
from builders.llm.money import Cap, Price
from builders.llm.request import Prompt, Request, Sampling
from tests.llm.server import KEY, MODEL, Asked

ROOT = Path(__file__).resolve().parents[2]
#: Makes processes that have imported all that they need.
PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["tests.llm.asking"])
PRICE = Price(read=3, written=7)
SCHEMA = json.dumps(
    {
        "type": "object",
        "properties": {"label": {"type": "string", "minLength": 1}},
        "required": ["label"],
        "additionalProperties": False,
    }
)
PROMPT = Prompt(MODEL, (("system", "Name the label."),), Sampling(max_tokens=20), SCHEMA)


@dataclass(frozen=True)
class World:
    """A server of its own, as far as a client can tell. url: up to /v1."""

    url: str

    def log(self, count: int = 0) -> list[Asked]:
        """All calls that came, once there are at least so many."""
        with urlopen(f"{self.url.removesuffix('/v1')}?count={count}", timeout=60) as reply:
            return [Asked(**asked) for asked in json.load(reply)]


@contextmanager
def serving() -> Iterator[Callable[..., World]]:
    """A server; what is yielded makes a world of options."""
    command = [sys.executable, "-m", "tests.llm.server"]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin and process.stdout
        host = process.stdout.readline().strip()

        def world(**options: Any) -> World:
            posted = HttpRequest(
                f"{host}/worlds",
                json.dumps(options).encode(),
                {"Content-Type": "application/json"},
            )
            with urlopen(posted) as reply:
                return World(f"{host}/worlds/{json.load(reply)}/v1")

        yield world
        process.stdin.close()
        assert process.wait(timeout=10) == 0


def validate(text: str) -> str | None:
    """What is wrong with an answer."""
    try:
        return None if json.loads(text)["label"] else "label: empty"
    except (ValueError, KeyError, TypeError) as error:
        return f"not JSON ({type(error).__name__})"


def requests(texts: Sequence[str], prompt: Prompt = PROMPT) -> list[Request]:
    """One request for each text."""
    return [Request(prompt, text) for text in texts]


def fine(count: int) -> list[str]:
    """Questions that nothing happens to."""
    return [f"{i} fine" for i in range(count)]


@dataclass(frozen=True)
class Asking:
    """How questions are asked of a server."""

    url: str
    ledger: Path | str
    cap: Cap = field(default_factory=Cap)
    key: str = KEY
    prompt: Prompt = PROMPT
    workers: int = 64
    timeout: float = 20.0
    retry_failed: bool = False

    def ask(self, texts: Sequence[str]) -> tuple[list[Answer | Failure], Counts]:
        """The outcome for each text, and the desk's counts."""
        ledger = Ledger(self.ledger)
        try:
            return asyncio.run(self._ask(ledger, texts))
        finally:
            ledger.close()

    async def _ask(
        self, ledger: Ledger, texts: Sequence[str]
    ) -> tuple[list[Answer | Failure], Counts]:
        backend = Online(
            "openai",
            self.prompt.model,
            self.url,
            self.key,
            most=self.workers,
            timeout=self.timeout,
        )
        desk = Desk(ledger, backend, PRICE, self.cap, retry_failed=self.retry_failed)
        try:
            found = await desk.answer(requests(texts, self.prompt), "test", validate)
        finally:
            await backend.close()
        return found, desk.counts


def ask(asking: Asking, texts: Sequence[str]) -> tuple[list[Answer | Failure], Counts]:
    """`Asking.ask`, for another process."""
    return asking.ask(texts)
