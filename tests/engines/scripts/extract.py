"""Extract product types with vLLM: extract.py CHECKPOINT TITLES.json LEDGER OUT.json.

Written is what each title was given: an answer, or how it failed; how many calls another reader of
the ledger saw settled whenever an answer came; how many calls asking again has sent; what became
of a title that the model has no room for; and draws of one title, the first of them twice.
"""

import asyncio
import json
import sqlite3
import sys
from dataclasses import replace
from pathlib import Path

from builders.llm.backends.offline import Offline
from builders.llm.desk import Desk
from builders.llm.ledger import Answer, Ledger
from builders.llm.money import Cap, Price
from builders.llm.product_type import PRODUCT_TYPE, ProductType
from builders.llm.request import Call, Reply, Request, Sampling
from builders.llm.task import Task


class Watched(Offline):
    """Looks into the ledger's file whenever an answer comes."""

    def __init__(self, checkpoint: str, ledger: str) -> None:
        super().__init__(
            checkpoint, dtype="float32", enforce_eager=True, max_model_len=2048, max_num_seqs=16
        )
        self.outside = sqlite3.connect(ledger)
        self.settled: list[int] = []

    async def ask(self, call: Call, entry: int) -> Reply:
        """Ask, and count."""
        reply = await super().ask(call, entry)
        query = "SELECT count(*) FROM attempts WHERE status<>'sent'"
        self.settled.append(self.outside.execute(query).fetchone()[0])
        return reply


def requests(
    engine: Offline, titles: list[str], task: Task[ProductType] = PRODUCT_TYPE, index: int = 0
) -> list[Request]:
    """A request for each title."""
    return task.file.requests(task.prompt(engine.model), [{"title": one} for one in titles], index)


async def extract(engine: Watched, titles: list[str], ledger: str) -> list[str]:
    """Ask through a desk with a newly opened ledger; answers, and how others failed."""
    desk = Desk(Ledger(ledger), engine, Price(0, 0), Cap())
    found = await desk.answer(requests(engine, titles), "titles", PRODUCT_TYPE.flaw)
    return [one.text if isinstance(one, Answer) else one.status for one in found]


async def main() -> None:
    checkpoint, titles_file, ledger, out = sys.argv[1:]
    titles = json.loads(Path(titles_file).read_text())
    Ledger(ledger).close()
    engine = Watched(checkpoint, ledger)
    answers, settled = await extract(engine, titles, ledger), engine.settled
    engine.settled = []
    again = await extract(engine, titles, ledger)
    warm = replace(
        PRODUCT_TYPE, sampling=Sampling(PRODUCT_TYPE.sampling.max_tokens, temperature=1.0)
    )
    draws = [requests(engine, titles[:1], warm, index)[0] for index in (0, 1, 2, 0)]
    written = {
        "answers": answers,
        "settled": settled,
        "the same": again == answers,
        "asked again": len(engine.settled),
        "too long": await extract(engine, ["word " * 3_000], ledger),
        "draws": [(await engine.ask(Call(draw), 0)).text for draw in draws],
    }
    await engine.close()
    Path(out).write_text(json.dumps(written))


if __name__ == "__main__":
    asyncio.run(main())
