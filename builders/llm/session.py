"""One command's LLM work: its ledger, who answers, and what it tells on the way."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext

from builders.errors import ShopmixError
from builders.llm.backends import Backend
from builders.llm.desk import Counts, Desk, Validate, is_open, look_up
from builders.llm.estimate import estimate
from builders.llm.ledger import Answer, Failure, Ledger
from builders.llm.money import Cap, Price, picodollars, price_of
from builders.llm.request import Request
from builders.llm.settings import LlmSettings

#: Shows how asking goes on: given what for, yields what to call with the counts.
Watch = Callable[[str], AbstractContextManager[Callable[[Counts], None]]]


class Planned(Exception):
    """A dry run knows what the next requests would take, and goes no further."""


class Session:
    """Serves answers. The backend is started when the first request is to be sent.

    note: tells a line. watch: shows progress.
    """

    def __init__(
        self,
        settings: LlmSettings,
        ledger: Ledger,
        spec: str,
        *,
        note: Callable[[str], None] = lambda _: None,
        watch: Watch = lambda _: nullcontext(lambda _: None),
    ) -> None:
        """spec: PROVIDER:MODEL. Raises `ShopmixError` where a cap has no price to go by."""
        self.settings, self.ledger = settings, ledger
        self.provider, _, self._named = spec.partition(":")
        self.model = self._named or _local_model()
        self._note, self._watch = note, watch
        self._price = price_of(self.provider, self.model, settings.prices)
        if self._price is None and settings.max_usd is not None:
            raise ShopmixError(
                f"no price of {self.model} is known, so --max-usd cannot be kept: give its price "
                f"with --prices FILE, or cap with --max-tokens"
            )
        self._desk: Desk | None = None
        self._runner = asyncio.Runner()

    def answer(
        self, requests: Sequence[Request], label: str, validate: Validate
    ) -> list[Answer | Failure | None]:
        """What there is for each request; None where no one is there to answer it.

        Raises `Planned` in a dry run where requests would be sent, and `ShopmixError`.
        """
        found = look_up(self.ledger, [request.key for request in requests])
        if self.provider == "ledger":
            return [found.get(request.key) for request in requests]
        waiting = {
            one.key: one for one in requests if is_open(found.get(one.key), self._retries(one.key))
        }
        if not waiting:
            return [found[request.key] for request in requests]
        told = estimate(self.ledger, list(waiting.values()), self.provider, self.model, self._price)
        self._note(f"{label}: {told}; {len(found.keys() - waiting.keys()):,} are in the ledger")
        if self.settings.dry_run:
            raise Planned(label)
        with self._watch(label) as tell:
            desk = self._opened()
            desk.tell = tell
            return list(self._runner.run(desk.answer(requests, label, validate)))

    def _retries(self, key: str) -> bool:
        return self._desk.retries(key) if self._desk else self.settings.retry_failed

    def _opened(self) -> Desk:
        if self._desk is None:
            cap = Cap(
                None if self.settings.max_usd is None else picodollars(self.settings.max_usd),
                self.settings.max_tokens,
            )
            backend = self._runner.run(self._backend())
            self._desk = Desk(
                self.ledger,
                backend,
                self._price or Price(0, 0),
                cap,
                retry_failed=self.settings.retry_failed,
            )
        return self._desk

    async def _backend(self) -> Backend:
        """Whoever answers; its packages are imported here alone."""
        settings = self.settings
        match self.provider:
            case "local":
                from builders.llm.backends.local import Local  # noqa: PLC0415

                return Local(self._named, timeout=settings.timeout)
            case "vllm":
                from builders.llm.backends.offline import Offline  # noqa: PLC0415

                return Offline(self.model, **settings.vllm)
            case "batch":
                from builders.llm.backends.batch import Batch  # noqa: PLC0415

                return Batch(self.model, self.ledger, note=self._note)
        from builders.llm.backends.online import Online, endpoint  # noqa: PLC0415

        url, key = endpoint()
        return Online(
            "openai", self.model, url, key, most=settings.workers, timeout=settings.timeout
        )

    def close(self) -> None:
        """Let go of the backend."""
        if self._desk:
            self._runner.run(self._desk.backend.close())
        self._runner.close()


def _local_model() -> str:
    from builders.llm.backends.local import MODEL  # noqa: PLC0415

    return MODEL
