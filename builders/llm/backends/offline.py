"""vLLM in this process: no server, and every answer reaches the ledger when it is finished."""

from __future__ import annotations

import asyncio
import json
import queue
import threading
import time
from importlib import import_module
from typing import Any

from builders.errors import ShopmixError
from builders.llm.request import Call, Rejected, Reply

#: Calls that vLLM is handed at once; it batches as many of them as fit into its memory.
MOST = 1_024

#: Where blanks are free, a weak model may write them for ever. Of vLLM's engines for JSON schemas,
#: this one knows patterns, bounds and both together.
STRUCTURED = {"backend": "guidance", "disable_any_whitespace": True}
_DETAIL_CHARS = 300

_Turn = tuple[Call, "asyncio.Future[Reply]", asyncio.AbstractEventLoop]


class Offline:
    """An engine in a thread of its own, fed while it runs."""

    provider = "vllm"
    resumes = False
    queues = True
    most = MOST

    def __init__(self, model: str, **engine: Any) -> None:
        """model: a Hub id or a folder. engine: further arguments of `vllm.LLM`.

        Raises `ShopmixError` where vLLM is missing or cannot load the model.
        """
        self.model = model
        try:
            self._vllm = import_module("vllm")
        except ModuleNotFoundError:
            raise ShopmixError(
                "--llm vllm needs vllm: install shopmix into vLLM's environment"
            ) from None
        engine.setdefault("structured_outputs_config", STRUCTURED)
        try:
            self._llm = self._vllm.LLM(model=model, enable_prefix_caching=True, **engine)
        except (OSError, ValueError, RuntimeError) as error:
            raise ShopmixError(f"--llm vllm:{model} cannot be loaded ({_told(error)})") from None
        self._refused: type[Exception] = import_module("vllm.exceptions").VLLMClientError
        self._turns: queue.Queue[_Turn | None] = queue.Queue()
        self._thread = threading.Thread(target=self._work, name="vllm", daemon=True)
        self._thread.start()

    async def ask(self, call: Call, entry: int) -> Reply:
        """See `Backend.ask`."""
        loop = asyncio.get_running_loop()
        turn: asyncio.Future[Reply] = loop.create_future()
        self._turns.put((call, turn, loop))
        return await turn

    async def close(self) -> None:
        """See `Backend.close`."""
        self._turns.put(None)
        await asyncio.to_thread(self._thread.join)

    def _work(self) -> None:
        """Answer until told to end; once the engine is lost, tell all who ask."""
        running: dict[str, tuple[_Turn, float]] = {}
        try:
            self._serve(running)
        except Exception as error:  # whatever it was
            for turn, _ in running.values():
                _hand(turn, _lost(error))
            while later := self._turns.get():
                _hand(later, _lost(error))

    def _serve(self, running: dict[str, tuple[_Turn, float]]) -> None:
        """Take what is asked, run the engine a step, hand on what is finished."""
        engine = self._llm.llm_engine
        while True:
            while not (running and self._turns.empty()):
                turn = self._turns.get()
                if turn is None:
                    return
                self._begin(turn, running)
            for output in engine.step():
                if output.finished:
                    turn, start = running.pop(output.request_id)
                    _hand(turn, _reply(output, time.perf_counter() - start))

    def _begin(self, turn: _Turn, running: dict[str, tuple[_Turn, float]]) -> None:
        """Hand a call to the engine."""
        try:
            name = self._enqueue(turn[0])
        except (ValueError, self._refused) as error:  # too long for the model, an odd schema
            _hand(turn, Rejected("rejected", _told(error)))
        except Exception as error:
            _hand(turn, _lost(error))
            raise
        else:
            running[name] = (turn, time.perf_counter())

    def _enqueue(self, call: Call) -> str:
        """The name that the call's output will bear."""
        prompt = call.request.prompt
        constraint = None
        if prompt.schema:
            structured = import_module("vllm.sampling_params").StructuredOutputsParams
            constraint = structured(json=json.loads(prompt.schema))
        parameters = self._vllm.SamplingParams(
            max_tokens=prompt.sampling.max_tokens,
            temperature=prompt.sampling.temperature,
            top_p=prompt.sampling.top_p,
            seed=prompt.sampling.seed + call.request.index,
            structured_outputs=constraint,
        )
        (name,) = self._llm.enqueue_chat([list(call.messages())], parameters, use_tqdm=False)
        return str(name).partition("-")[0]  # the engine's own name goes on with random characters


def _reply(output: Any, seconds: float) -> Reply:
    answer = output.outputs[0]
    return Reply(
        text=answer.text,
        finish=answer.finish_reason or "",
        tokens_in=len(output.prompt_token_ids),
        tokens_out=len(answer.token_ids),
        seconds=seconds,
        raw=json.dumps({"text": answer.text, "finish_reason": answer.finish_reason}),
    )


def _told(error: Exception) -> str:
    return " ".join(str(error).split())[:_DETAIL_CHARS]


def _lost(error: Exception) -> ShopmixError:
    return ShopmixError(f"vLLM broke off ({type(error).__name__}: {_told(error)})")


def _hand(turn: _Turn, what: Reply | Exception) -> None:
    """Give an asker its reply, in the loop that it waits in."""
    _, future, loop = turn

    def hand() -> None:
        if future.done():
            return
        if isinstance(what, Reply):
            future.set_result(what)
        else:
            future.set_exception(what)

    loop.call_soon_threadsafe(hand)
