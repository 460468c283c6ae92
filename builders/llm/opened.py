"""What a command opens for LLM work: a ledger, who labels and composes, who answers blind."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import NamedTuple

from builders.errors import ShopmixError
from builders.llm.exchange import import_answers
from builders.llm.ledger import Ledger
from builders.llm.opinion import Opinion
from builders.llm.session import Session, Watch, model_in
from builders.llm.settings import LlmSettings
from builders.llm.writer import Writer

#: Where answers are kept unless another file is named; those of the demo rows ship with us.
LEDGER = Path("data/ledger.sqlite")
DEMO = Path(__file__).resolve().parent.parent / "demo" / "ledger.jsonl"


class Llm(NamedTuple):
    """Either may be missing: without a writer, sets that need labels are not built."""

    writer: Writer | None = None
    opinion: Opinion | None = None


NO_LLM = Llm()


@contextmanager
def opened(
    settings: LlmSettings, demo: bool, note: Callable[[str], None], watch: Watch
) -> Iterator[Llm]:
    """Open what settings name. Where they name no model, the answers that the ledger has are used.

    demo: whether the rows are the demo's, whose answers ship with us. Raises `ShopmixError`.
    """
    with ExitStack() as stack:
        ledger = _ledger(settings, demo)
        if ledger is None:
            yield NO_LLM
            return
        stack.enter_context(closing(ledger))
        known = model_in(ledger) if settings.llm is None else None
        spec = settings.llm or (known and f"ledger:{known}")
        writer = opinion = None
        if spec:
            session = Session(settings, ledger, spec, note=note, watch=watch)
            stack.enter_context(closing(session))
            writer = Writer(session)
        if settings.verify is not None:
            second = settings.verify or spec
            if second is None:
                raise ShopmixError("--verify needs a model: name one as --verify PROVIDER:MODEL")
            if second != spec:
                session = Session(settings, ledger, second, note=note, watch=watch)
                stack.enter_context(closing(session))
            opinion = Opinion(session, settings.disputed == "reject")
        yield Llm(writer, opinion)


def _ledger(settings: LlmSettings, demo: bool) -> Ledger | None:
    """The ledger of settings; None where none is named and there is none to use."""
    if settings.ledger is None and settings.llm is None and demo:
        ledger = Ledger(":memory:")
        import_answers(ledger, DEMO)
        return ledger
    path = settings.ledger or LEDGER
    wanted = settings.llm is not None or settings.verify is not None
    if not path.exists() and not wanted:
        if settings.ledger:
            raise ShopmixError(f"--ledger {path}: no such file, and no --llm to fill it")
        return None
    return Ledger(path)
