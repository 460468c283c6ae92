"""What is said to OpenAI's Batch API, and how its files are read.

Faults of the connection are borne: a batch takes hours, and goes on while the server is not there.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Literal, TypeVar

import aiohttp
import openai
from openai.types import Batch as Told

from builders.errors import ShopmixError
from builders.llm.backends.online import PLAIN, Dialect, Online, body_of, endpoint, read_reply
from builders.llm.request import UNREACHED, Call, Fault, Rejected, Reply

ERRORS = (openai.APIError, aiohttp.ClientError)
#: What comes of a call: its reply, or what its asker is to raise.
Outcome = Reply | Fault | ShopmixError
_URL: Literal["/v1/chat/completions"] = "/v1/chat/completions"
#: Our token's name in a batch's metadata.
_TOKEN = "shopmix"
_TIMEOUT = 600.0
_DETAIL_CHARS = 300

T = TypeVar("T")


@dataclass(frozen=True)
class Pace:
    """Seconds. quiet: without a new call before a file goes out. first, longest: pauses between two
    looks at a batch. listed: after which a batch that was created is surely in the server's list.
    at_first, patience: for a server that does not answer: one never reached, and else."""

    quiet: float = 2.0
    first: float = 2.0
    longest: float = 60.0
    listed: float = 60.0
    at_first: float = 6.0
    patience: float = 600.0

    def after(self, pause: float) -> float:
        """The pause after a pause."""
        return min(self.longest, 1.5 * pause)


def name_of(call: Call) -> str:
    """A call's `custom_id`: the same in every run."""
    return call.request.key + ("-repair" if call.repairs else "")


def line_of(call: Call, spoken: Dialect) -> bytes:
    """A call's line of the file. spoken: how servers are spoken to, as `body_of` takes it."""
    body = body_of(call, spoken)
    line = {"custom_id": name_of(call), "method": "POST", "url": _URL, "body": body}
    return json.dumps(line, ensure_ascii=False).encode() + b"\n"


def said_of(batch: Told) -> str:
    """Why a server does not take a batch; "" where it does."""
    errors = (batch.errors.data if batch.errors else None) or []
    return "; ".join(f"{one.code}: {one.message}" for one in errors[:3])


class BatchApi(Online):
    """A server that speaks the Batch API."""

    def __init__(self, model: str, most: int, pace: Pace) -> None:
        """Raises `ShopmixError` where the key is missing."""
        super().__init__("batch", model, *endpoint(), most=most, timeout=_TIMEOUT)
        # a batch takes too long to find out by trying; all models of OpenAI's know this
        self.dialect = Dialect(PLAIN, "max_completion_tokens")
        self._pace = pace
        self._reached = False

    async def upload(self, calls: Iterable[Call], spoken: Dialect) -> str:
        """Upload calls; gives the file's id."""
        content = b"".join(line_of(call, spoken) for call in calls)
        try:
            uploaded = await self._tried(
                lambda: self.client.files.create(file=("batch.jsonl", content), purpose="batch")
            )
        except openai.NotFoundError:
            raise ShopmixError(f"{self.url} has no Batch API: take --llm openai:MODEL") from None
        return uploaded.id

    async def create(self, file: str, token: str) -> str:
        """Create a batch of a file, once; gives its id. Raises one of ERRORS."""
        made = await self.client.batches.create(
            input_file_id=file,
            endpoint=_URL,
            completion_window="24h",
            metadata={_TOKEN: token},
        )
        return made.id

    async def find(self, token: str) -> str | None:
        """The id of the batch that was created with a token, if the server's list has it."""

        async def listed() -> str | None:
            async for batch in self.client.batches.list(limit=100):
                if batch.metadata and batch.metadata.get(_TOKEN) == token:
                    return batch.id
            return None

        return await self._tried(listed)

    async def look(self, id_: str) -> Told:
        """How a batch goes. Raises `openai.NotFoundError`."""
        return await self._tried(lambda: self.client.batches.retrieve(id_))

    async def outcomes(self, batch: Told) -> dict[str, Outcome]:
        """What has come of the calls of a batch that has ended, by `custom_id`, as far as its files
        say. Raises `openai.NotFoundError`."""
        found = {}
        for file in filter(None, (batch.output_file_id, batch.error_file_id)):
            for line in (await self._tried(partial(self._content, file))).splitlines():
                named, outcome = self._outcome(line, batch)
                found[named] = outcome
        return found

    async def _content(self, file: str) -> bytes:
        return (await self.client.files.content(file)).content

    def _outcome(self, line: bytes, batch: Told) -> tuple[str, Outcome]:
        """A line's `custom_id`, and what it says."""
        raw = self.redacted(line.decode())
        seconds = time.time() - batch.created_at
        try:
            told = json.loads(raw)
            named, response, error = str(told["custom_id"]), told.get("response"), told.get("error")
            if response is None:
                return named, Fault(f"batch {batch.status}", str(error))
            status, body = int(response["status_code"]), response["body"]
        except (ValueError, KeyError, TypeError, AttributeError):
            return "", Fault("garbled reply", raw)
        try:
            if status == 200:
                return named, read_reply(body, seconds, raw)
            return named, self._refusal(status or 500, json.dumps(body)[:_DETAIL_CHARS])
        except (Fault, ShopmixError) as failed:
            return named, failed

    async def _tried(self, operation: Callable[[], Awaitable[T]]) -> T:
        """What an operation gives that may be done twice, when it passes.

        Raises `openai.NotFoundError`, and `ShopmixError` as `bear` does.
        """
        begun, pause = time.monotonic(), self._pace.first
        while True:
            try:
                result = await operation()
            except openai.NotFoundError:
                raise
            except ERRORS as error:
                met = error
            else:
                self._reached = True
                return result
            # out here, or a traceback would show all that the server said
            self.bear(met, begun)
            await asyncio.sleep(pause)
            pause = self._pace.after(pause)

    def bear(self, error: openai.APIError | aiohttp.ClientError, begun: float) -> None:
        """Bear an error. Raises `ShopmixError` where it will not pass, or has not passed for long.

        begun: when this was first tried, of `time.monotonic`.
        """
        fault = self._fault(error)
        if isinstance(fault, Rejected):
            raise ShopmixError(f"{self.url} takes no batch ({fault.detail})")
        at_first = fault.kind == UNREACHED and not self._reached
        patience = self._pace.at_first if at_first else self._pace.patience
        if time.monotonic() - begun > patience:
            raise ShopmixError(
                f"batch:{self.model} does not answer ({fault}): what is answered is kept, and what "
                f"was handed in goes on there; run again to go on"
            )
