"""What a ledger holds, in figures and as JSON lines, and whether it holds together."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from builders.errors import ShopmixError
from builders.llm.ledger import ANSWERED, FINAL, Ledger
from builders.llm.request import Prompt, key_of

#: The fields of a line, in order. A line without `text` is a request that failed for good.
_FIELDS = (
    "key", "sample", "text", "label", "model", "provider", "repair", "status", "detail", "answer",
    "finish", "tokens_in", "tokens_out", "money", "tokens", "seconds", "at", "raw",
)  # fmt: skip


def totals(ledger: Ledger) -> list[dict[str, Any]]:
    """A row for each model and label: attempts by what came of them, tokens and picodollars."""
    rows = ledger.rows(
        "SELECT model, label, sum(status='answer'), sum(status='sent'), "
        "sum(status NOT IN ('answer', 'sent')), sum(imported), total(tokens_in), "
        "total(tokens_out), total(money * (1 - imported)) FROM attempts "
        "GROUP BY model, label ORDER BY model, label"
    )
    names = ("model", "label", "answers", "lost", "failed", "imported", "in", "out", "money")
    return [dict(zip(names, row, strict=True)) for row in rows]


def export_answers(ledger: Ledger) -> Iterator[str]:
    """All prompts, then all that came back for good, as JSON lines, sorted."""
    for id_, content in ledger.rows("SELECT id, content FROM prompts ORDER BY id"):
        yield _line({"prompt": id_, "content": json.loads(content)})
    final = ",".join(f"'{status}'" for status in (ANSWERED, *FINAL))
    rows = ledger.rows(
        "SELECT r.prompt, r.key, r.sample, r.text, label, model, provider, repair, status, "
        "detail, a.text, finish, tokens_in, tokens_out, money, tokens, seconds, at, raw "
        f"FROM attempts a JOIN requests r USING (key) WHERE status IN ({final}) "
        "ORDER BY r.prompt, r.key, a.id"
    )
    for prompt, *row in rows:
        yield _line({"of": prompt, **dict(zip(_FIELDS, row, strict=True))})


def _line(value: dict[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False) + "\n"


def import_answers(ledger: Ledger, file: Path) -> tuple[int, int]:
    """Take over the answers of another ledger's export; gives (taken over, known before).

    What others have paid for does not count as spent. Raises `ShopmixError` naming the line that
    is none, or whose key is not the hash of its request; nothing is taken over then.
    """
    prompts: dict[str, str] = {}
    taken: list[tuple[str, dict[str, Any]]] = []
    try:
        with file.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, start=1):
                _read(line, prompts, taken, f"{file}, line {number}")
    except (OSError, UnicodeDecodeError) as error:
        raise ShopmixError(f"{file} cannot be read ({error})") from None
    return ledger.take_over(prompts, taken)


def _read(
    line: str, prompts: dict[str, str], taken: list[tuple[str, dict[str, Any]]], where: str
) -> None:
    try:
        value = json.loads(line)
        if "prompt" in value:
            prompt = Prompt.of(json.dumps(value["content"]))
            if prompt.id != value["prompt"]:
                raise ShopmixError(f"{where}: the prompt is not the one of its id")
            prompts[prompt.id] = prompt.content
            return
        of, row = value["of"], {name: value[name] for name in _FIELDS}
        if row["key"] != key_of(of, row["text"], row["sample"]):
            raise ShopmixError(f"{where}: the request is not the one of its key")
        if of not in prompts:
            raise ShopmixError(f"{where}: its prompt is missing above")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ShopmixError(
            f"{where} is no line of a ledger's export ({type(error).__name__}: {error})"
        ) from None
    taken.append((of, row))


def flaws(ledger: Ledger) -> Iterator[str]:
    """What does not hold together: one line each."""
    for (said,) in ledger.rows("PRAGMA integrity_check"):
        if said != "ok":
            yield f"SQLite: {said}"
    for id_, content in ledger.rows("SELECT id, content FROM prompts"):
        if Prompt.of(content).id != id_:
            yield f"prompt {id_} is not the one of its id"
    for key, prompt, text, sample in ledger.rows("SELECT key, prompt, text, sample FROM requests"):
        if key != key_of(prompt, text, sample):
            yield f"request {key} is not the one of its key"
    for (key,) in ledger.rows(
        "SELECT answers.key FROM answers LEFT JOIN attempts ON attempts.id=attempt "
        "AND attempts.key=answers.key AND attempts.text=answers.text AND status='answer' "
        "WHERE attempts.id IS NULL"
    ):
        yield f"answer {key} is not what was answered"
    spent = next(ledger.rows("SELECT money, tokens FROM spent"))
    summed = next(
        ledger.rows("SELECT coalesce(sum(money), 0), coalesce(sum(tokens), 0) FROM attempts "
                    "WHERE imported=0")
    )  # fmt: skip
    if spent != summed:
        yield f"spent is {spent}, attempts sum up to {summed}"
