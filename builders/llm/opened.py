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
from builders.llm.session import Session, Watch
from builders.llm.settings import LlmSettings
from builders.llm.writer import Writer

#: Where answers are kept unless another file is named. An export serves as well, where nothing is
#: to be added; that of the demo rows ships with us.
LEDGER = Path("data/ledger.sqlite")
EXPORT = ".jsonl"
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
        spec = settings.llm or _only_model(ledger, note)
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


def _only_model(ledger: Ledger, note: Callable[[str], None]) -> str | None:
    """The model whose answers a ledger has, where none is named."""
    models = ledger.models()
    if len(models) > 1:
        which = ", ".join(models)
        note(f"{ledger.path} has answers of {which}: say whose to take with --llm ledger:MODEL")
        return None
    return f"ledger:{models[0]}" if models else None


def _ledger(settings: LlmSettings, demo: bool) -> Ledger | None:
    """The ledger of settings; None where none is named and there is none to use."""
    asks = [spec for spec in (settings.llm, settings.verify) if spec is not None]
    path = settings.ledger or (DEMO if demo and not asks else LEDGER)
    if not path.exists():
        if asks and path.suffix != EXPORT:
            return Ledger(path)
        if settings.ledger:
            raise ShopmixError(f"--ledger {path}: no such file, and no --llm to fill it")
        return None
    if path.suffix != EXPORT:
        return Ledger(path)
    if not all(spec.startswith("ledger:") for spec in asks):
        raise ShopmixError(
            f"--ledger {path} is an export, to be read alone: take it over into a ledger with "
            f"python -m builders.llm ledger --import {path}"
        )
    ledger = Ledger(":memory:")
    import_answers(ledger, path)
    return ledger
