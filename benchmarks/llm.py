"""How fast LLM work goes where the server takes no time, beside what others make of it.

    python benchmarks/llm.py [--requests 5000] [--cached 50000] [--curator PYTHON] [--out FILE.json]

--curator: the interpreter of an environment that has bespokelabs-curator, as of

    python -m venv .venv-curator && .venv-curator/bin/pip install bespokelabs-curator

All ask the same server (llm_server.py, a process of its own, which answers at once) the same
questions: product types of invented titles. Best of three rounds, taken by turns.

bare, httpx; bare, aiohttp: 64 loops over `AsyncOpenAI.chat.completions.create`, with the default
    transport and with `DefaultAioHttpClient`. Nothing is kept.
bare, aiohttp, text: the same by `AsyncOpenAI.post`, which neither checks the question nor reads the
    answer: what our desk calls, and does itself. No aim is set against it.
desk: the same through our desk, 64 at once, into a new ledger: every request entered before it is
    sent, every answer checked and filed. The aim is 80 % of the faster of the bare loops.
desk, no HTTP: the same where the answer is there at once, in this process: what the layer costs.
cached: requests made anew, hashed and answered from a ledger that was closed. The aim: 50,000/s.
one row changed: what a second run sends over the wire, and how long it takes, a row being new.
curator: both with bespokelabs-curator, first run and second, imports apart, answers as text that
    pydantic checks. It asks the server once before it begins, for limits.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # a checkout needs no install

from openai import AsyncOpenAI, DefaultAioHttpClient, DefaultAsyncHttpxClient
from openai.types.chat import ChatCompletion

from benchmarks import measure
from benchmarks.llm_server import ANSWER, asked, instant
from benchmarks.measure import Found
from builders.llm.backends import Backend
from builders.llm.backends.online import Dialect, Online, body_of
from builders.llm.desk import Desk
from builders.llm.ledger import Answer, Ledger
from builders.llm.money import Cap, Price
from builders.llm.product_type import PRODUCT_TYPE
from builders.llm.request import Call, Reply, Request

PACKAGES = "openai aiohttp pydantic".split()
WORKERS, ROUNDS = 64, 3
MODEL = "bench"
Http = DefaultAsyncHttpxClient | DefaultAioHttpClient
HERE = Path(__file__).resolve().parent


def requests(count: int, first: int = 0) -> list[Request]:
    """So many questions; equal numbers, equal questions."""
    prompt = PRODUCT_TYPE.prompt(MODEL)
    titles = (
        f"Brightwell Table Lamp with Shade, Model {n:06}" for n in range(first, first + count)
    )
    return [Request(prompt, title) for title in titles]


class Instant:
    """A backend without a server."""

    provider, model, most, resumes, queues = "openai", MODEL, WORKERS, False, False

    async def ask(self, call: Call, entry: int) -> Reply:
        """See `Backend.ask`."""
        await asyncio.sleep(0)
        return Reply(ANSWER, "stop", 300, 20, 0.0, ANSWER)

    async def close(self) -> None:
        """See `Backend.close`."""


Ask = Callable[[AsyncOpenAI, dict[str, Any]], Awaitable[str | None]]


async def create(client: AsyncOpenAI, body: dict[str, Any]) -> str | None:
    """The way that the client's manual shows."""
    answer: ChatCompletion = await client.chat.completions.create(**body)
    return answer.choices[0].message.content


async def post(client: AsyncOpenAI, body: dict[str, Any]) -> str | None:
    """The client's transport alone."""
    return await client.post("/chat/completions", cast_to=str, body=body)


async def bare(url: str, count: int, http: Http, ask: Ask = create) -> None:
    """The client in a loop, without any layer of ours."""
    async with AsyncOpenAI(base_url=url, api_key="none", max_retries=0, http_client=http) as client:
        waiting = iter(requests(count))

        async def worker() -> None:
            for request in waiting:
                assert await ask(client, body_of(Call(request), Dialect()))

        await asyncio.gather(*(worker() for _ in range(WORKERS)))


async def desk(backend: Backend, asking: list[Request], file: Path) -> None:
    """Our layer, over a ledger of its own."""
    ledger = Ledger(file)
    try:
        made = Desk(ledger, backend, Price(0, 0), Cap())
        found = await made.answer(asking, "bench", PRODUCT_TYPE.flaw)
        assert all(isinstance(one, Answer) for one in found)
    finally:
        await backend.close()
        ledger.close()


def online(url: str) -> Backend:
    """The backend that real servers have."""
    return Online("openai", MODEL, url, "none", most=WORKERS, timeout=60)


def clocked(work: Callable[[], Awaitable[None]]) -> float:
    """Seconds that it takes."""

    async def timed() -> float:
        start = time.perf_counter()
        await work()
        return time.perf_counter() - start

    return asyncio.run(timed())


def sending(url: str, count: int, folder: Path) -> Found:
    """Requests a second, of the bare loops and of ours."""
    new = (folder / f"{n}.sqlite" for n in range(1_000))
    ways: dict[str, Callable[[], Awaitable[None]]] = {
        "bare, httpx": lambda: bare(url, count, DefaultAsyncHttpxClient()),
        "bare, aiohttp": lambda: bare(url, count, DefaultAioHttpClient()),
        "bare, aiohttp, text": lambda: bare(url, count, DefaultAioHttpClient(), post),
        "desk": lambda: desk(online(url), requests(count), next(new)),
        "desk, no HTTP": lambda: desk(Instant(), requests(count), next(new)),
    }
    best = dict.fromkeys(ways, float("inf"))
    for _ in range(ROUNDS):
        for name, way in ways.items():
            best[name] = min(best[name], clocked(way))
    return {name: {"requests": count, "seconds": seconds} for name, seconds in best.items()}


def cached(count: int, folder: Path) -> float:
    """Seconds for requests that the ledger has."""
    file = folder / "cached.sqlite"
    asyncio.run(desk(Instant(), requests(count), file))
    return min(clocked(lambda: desk(Instant(), requests(count), file)) for _ in range(ROUNDS))


def changed(url: str, count: int, folder: Path) -> Found:
    """Our second run, with one new row."""
    file, before = folder / "changed.sqlite", 0
    for first in (0, 1):
        before = asked(url)
        seconds = clocked(lambda first=first: desk(online(url), requests(count, first), file))  # type: ignore[misc]
    return {"requests": count, "seconds": seconds, "sent": asked(url) - before}


def curator(python: Path, url: str, count: int, folder: Path) -> Iterator[tuple[str, Found]]:
    """Both runs of bespokelabs-curator."""
    quiet = {"TELEMETRY_ENABLED": "false", "CURATOR_DISABLE_RICH_DISPLAY": "1"}
    homes = {"HOME": str(folder), "HF_HOME": str(folder / "hf"), "OPENAI_API_KEY": "none"}
    for first, name in enumerate(("curator", "curator, one row changed")):
        rows, out = folder / "rows.json", folder / "out.json"
        asking = requests(count, first)
        rows.write_text(json.dumps([list(Call(request).messages()) for request in asking]))
        before = asked(url)
        made = subprocess.run(
            [python, HERE / "llm_curator.py", url, rows, folder / "cache", out],
            env=os.environ | quiet | homes, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if made.returncode:
            raise SystemExit(f"curator failed:\n{made.stderr[-4000:]}")
        found = json.loads(out.read_text())
        if found["answers"] != count:
            raise SystemExit(f"curator gave {found['answers']} answers to {count} rows")
        sent = asked(url) - before
        yield name, {"requests": count, "seconds": found["seconds"], "sent": sent}


def main() -> None:
    """Measure, print the table, write the JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--requests", type=int, default=5_000)
    parser.add_argument("--cached", type=int, default=50_000)
    parser.add_argument("--curator", type=Path, help="interpreter that has bespokelabs-curator")
    parser.add_argument("--out", type=Path, help="JSON file for the results")
    given = parser.parse_args()
    results = measure.about(f"{given.requests:,} requests, {WORKERS} at once", PACKAGES)
    with tempfile.TemporaryDirectory(prefix="benchmark-") as temp, instant() as url:
        folder = Path(temp)
        found = sending(url, given.requests, folder)
        for count in sorted({given.requests, given.cached}):
            name = f"cached, of {count:,}"
            found[name] = {"requests": count, "seconds": cached(count, folder)}
        found["desk, one row changed"] = changed(url, given.requests, folder)
        if given.curator:
            found |= dict(curator(given.curator, url, given.requests, folder))
    floor = min(found["bare, httpx"]["seconds"], found["bare, aiohttp"]["seconds"])
    made = measure.table(
        results, "requests", "sent", "seconds", "a second", last="of the faster bare loop"
    )
    made.add_column("of the faster bare loop")
    for name, one in found.items():
        one["per_second"] = one["requests"] / one["seconds"]
        share = f"{floor / one['seconds']:.0%}" if one["requests"] == given.requests else ""
        made.add_row(
            name, f"{one['requests']:,}", f"{one['sent']:,}" if "sent" in one else "",
            f"{one['seconds']:.2f}", f"{one['per_second']:,.0f}", share,
        )  # fmt: skip
    if not given.curator:
        made.add_row("curator: not measured (--curator)")
    measure.show(made)
    measure.write(
        results | {"found": found, "desk_to_bare": floor / found["desk"]["seconds"]}, given.out
    )


if __name__ == "__main__":
    main()
