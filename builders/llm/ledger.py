"""The ledger: every request that was sent and what came of it, in one SQLite file.

An answer is filed under the hash of its request, so whoever asks again, in another set, process
or year, is served from here. What is sent is entered before it leaves, at the most that it can
cost, and settled when it is back: a killed run leaves entries that stay counted at their worst.
Several processes may share a file; while one of them waits for an answer, the others do not ask.
"""

from __future__ import annotations

import os
import socket
import sqlite3
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from hashlib import blake2b
from pathlib import Path
from typing import Any

from builders.errors import ShopmixError
from builders.llm.money import Cap
from builders.llm.request import Call, Reply, Request
from builders.llm.schema import SCHEMA, VERSION

#: Entered, and not settled: on its way, or lost with the run that sent it.
SENT = "sent"
ANSWERED = "answer"
#: Came back, was paid for, and would come back so again.
FINAL = ("refused", "cut off", "empty", "not valid", "rejected")
#: Of these, the ones that one more attempt may repair.
REPAIRABLE = ("empty", "not valid")
_FINAL = ",".join(f"'{status}'" for status in FINAL)
#: A run that was not seen for so many seconds is dead.
_DEAD_AFTER = 30.0
_BUSY_SECONDS = 120.0
#: Keys of a query.
_CHUNK = 500


@dataclass(frozen=True, slots=True)
class Answer:
    """What the ledger serves. generator: provider:model, as samples name it."""

    key: str
    text: str
    generator: str


@dataclass(frozen=True)
class Failure:
    """An attempt that came to nothing, for good. attempt: its number in the ledger."""

    status: str
    text: str
    repair: bool
    detail: str
    attempt: int = 0

    @property
    def repairable(self) -> bool:
        """Whether one more attempt may still repair it."""
        return self.status in REPAIRABLE and not self.repair


class Denied(Enum):
    """Why a request may not be sent."""

    CAP = "the cap would be passed"
    ELSEWHERE = "another process waits for this answer"
    ANSWERED = "another process has had the answer"
    FAILED = "another process has had an answer that failed for good"


class Ledger:
    """One file, opened by one process; see the module. Not for use by several threads."""

    def __init__(self, path: Path | str) -> None:
        """Open or create a ledger; ":memory:" for one that is gone with the process.

        Raises `ShopmixError` where the file cannot be opened, or is none of ours.
        """
        self.path = path
        self.run = uuid.uuid4().hex
        try:
            if path != ":memory:":
                Path(path).parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None)
            self._log_ahead()
            self._db.execute("PRAGMA synchronous=NORMAL")
            with self._writing():  # several processes may create it at once
                version = self._db.execute("PRAGMA user_version").fetchone()[0]
                tables = self._db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
                if version != VERSION and tables:
                    raise ShopmixError(f"{path} is no ledger of this version: name another file")
                for statement in filter(str.strip, SCHEMA.split(";")):
                    self._db.execute(statement)
                self._db.execute(f"PRAGMA user_version={VERSION}")
        except (sqlite3.Error, OSError) as error:
            raise ShopmixError(f"ledger {path} cannot be opened ({error})") from None
        self._known: set[str] = set()
        self._alive = 0.0

    def close(self) -> None:
        """Close the file. This run is over: what it has left does not hold up others."""
        if self._alive:
            self.write("DELETE FROM runs WHERE id=?", [(self.run,)])
        self._db.close()

    def _log_ahead(self) -> None:
        """Turn on the write-ahead log. Where another process does so now, SQLite does not wait."""
        until = time.monotonic() + _BUSY_SECONDS
        while True:
            try:
                self._db.execute("PRAGMA journal_mode=WAL")
                return
            except sqlite3.OperationalError as error:
                if "locked" not in str(error) or time.monotonic() > until:
                    raise
                time.sleep(0.01)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """One transaction; whoever else writes waits."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    # reading

    def answers(self, keys: Sequence[str]) -> dict[str, Answer]:
        """The answers that there are, by key."""
        found = {}
        for i in range(0, len(keys), _CHUNK):
            part = keys[i : i + _CHUNK]
            marks = ",".join("?" * len(part))
            rows = self._db.execute(
                f"SELECT key, text, generator FROM answers WHERE key IN ({marks})", part
            )
            found.update({key: Answer(key, text, by) for key, text, by in rows})
        return found

    def failures(self, keys: Sequence[str]) -> dict[str, Failure]:
        """By key, the last attempt that failed for good, of keys without an answer."""
        found = {}
        for i in range(0, len(keys), _CHUNK):
            part = keys[i : i + _CHUNK]
            rows = self._db.execute(
                f"SELECT key, status, coalesce(text, ''), repair, coalesce(detail, ''), id "
                f"FROM attempts WHERE key IN ({','.join('?' * len(part))}) "
                f"AND status IN ({_FINAL}) ORDER BY id",
                part,
            )
            for key, status, text, repair, detail, attempt in rows:
                found[key] = Failure(status, text, bool(repair), detail, attempt)
        return found

    def spent(self) -> tuple[int, int]:
        """Picodollars and tokens of all runs, what is on its way at its worst."""
        money, tokens = self._db.execute("SELECT money, tokens FROM spent").fetchone()
        return money, tokens

    def models(self) -> list[str]:
        """The models that have answered."""
        rows = self._db.execute(
            "SELECT DISTINCT model FROM attempts WHERE status=? ORDER BY model", (ANSWERED,)
        )
        return [model for (model,) in rows]

    def usual_tokens(self, prompt: str) -> tuple[float, float] | None:
        """Tokens in and out of an answer to a prompt's requests, on average so far."""
        read, written = self._db.execute(
            "SELECT avg(tokens_in), avg(tokens_out) FROM requests JOIN attempts USING (key) "
            "WHERE prompt=? AND status=?",
            (prompt, ANSWERED),
        ).fetchone()
        return None if read is None else (read, written)

    def pace(self, generator: str) -> float | None:
        """Answers a second in the last run that had some of this provider:model."""
        found = self._db.execute(
            "SELECT count(*) / max(max(at) - min(at - seconds), 1e-3) FROM attempts "
            "WHERE status=? AND provider || ':' || model = ? AND imported=0 "
            "GROUP BY run ORDER BY max(at) DESC LIMIT 1",
            (ANSWERED, generator),
        ).fetchone()
        return found and float(found[0])

    def digest(self, prompt: str) -> str:
        """32 hex: a hash of all that a prompt's requests have come to."""
        digest = blake2b(digest_size=16)
        final = ",".join(f"'{status}'" for status in (ANSWERED, *FINAL))
        rows = self._db.execute(
            f"SELECT key, status, coalesce(attempts.text, '') FROM requests "
            f"JOIN attempts USING (key) WHERE prompt=? AND status IN ({final}) "
            f"ORDER BY key, attempts.id",
            (prompt,),
        )
        for row in rows:
            digest.update("\x1f".join(row).encode())
        return digest.hexdigest()

    def rows(self, query: str, values: Sequence[object] = ()) -> Iterator[tuple[Any, ...]]:
        """The rows of a query, for reports."""
        yield from self._db.execute(query, values)

    def write(self, statement: str, rows: Iterable[Sequence[object]] = ((),)) -> None:
        """Execute a statement for each row of values: for all, or for none."""
        with self._writing():
            for values in rows:
                self._db.execute(statement, values)

    # sending

    def reserve(
        self,
        call: Call,
        label: str,
        provider: str,
        money: int,
        tokens: int,
        cap: Cap,
        resumes: bool = False,
        known: int = 0,
    ) -> int | Denied:
        """Enter a call before it is sent, at the most that it can cost; gives the entry's number.

        label: what it is for. money, tokens: picodollars and tokens, in and out. resumes: whether
        an entry that a dead run has left stands for this call, as it can still be answered.
        known: the last attempt that failed for good, as far as the sender knows.
        """
        request = call.request
        with self._writing():
            self._see_run()
            if request.key not in self._known:
                self._enter(request)
            if denied := self._denied(request.key, known):
                return denied
            if resumes and (left := self._left(call, provider)):
                self._db.execute("UPDATE attempts SET run=? WHERE id=?", (self.run, left[0]))
                return int(left[0])
            if self._capped(money, tokens, cap):
                return Denied.CAP
            self._db.execute("UPDATE spent SET money=money+?, tokens=tokens+?", (money, tokens))
            entered = self._db.execute(
                "INSERT INTO attempts (key, label, model, provider, run, repair, status, money, "
                "tokens, at) VALUES (?,?,?,?,?,?,?,?,?,?)",
                (request.key, label, request.prompt.model, provider, self.run,
                 call.repairs is not None, SENT, money, tokens, time.time()),
            )  # fmt: skip
            assert entered.lastrowid is not None
            return entered.lastrowid

    def _denied(self, key: str, known: int) -> Denied | None:
        if self._db.execute("SELECT 1 FROM answers WHERE key=?", (key,)).fetchone():
            return Denied.ANSWERED
        others = self._db.execute(
            "SELECT host, pid, seen FROM attempts JOIN runs ON runs.id=run "
            "WHERE key=? AND status=? AND run<>?",
            (key, SENT, self.run),
        )
        if any(_lives(*other) for other in others):
            return Denied.ELSEWHERE
        failed = self._db.execute(
            f"SELECT 1 FROM attempts WHERE key=? AND id>? AND status IN ({_FINAL})", (key, known)
        )
        return Denied.FAILED if failed.fetchone() else None

    def _left(self, call: Call, provider: str) -> tuple[int] | None:
        found: tuple[int] | None = self._db.execute(
            "SELECT id FROM attempts WHERE key=? AND status=? AND repair=? AND provider=?",
            (call.request.key, SENT, call.repairs is not None, provider),
        ).fetchone()
        return found

    def _capped(self, money: int, tokens: int, cap: Cap) -> bool:
        spent_money, spent_tokens = self.spent()
        return (cap.money is not None and spent_money + money > cap.money) or (
            cap.tokens is not None and spent_tokens + tokens > cap.tokens
        )

    def settle(
        self,
        entry: int,
        request: Request,
        status: str,
        money: int,
        tokens: int,
        reply: Reply | None = None,
        generator: str = "",
        detail: str | None = None,
    ) -> None:
        """Put down what came of an entry.

        status: ANSWERED, one of FINAL, or a fault's kind. money, tokens: what it took, in
        picodollars and in all. generator: who answered. detail: what was wrong.
        """
        came: tuple[object, ...] = (None,) * 6
        if reply:
            came = (reply.text, reply.finish, reply.tokens_in, reply.tokens_out, reply.seconds,
                    reply.raw)  # fmt: skip
        with self._writing():
            self._db.execute(
                "UPDATE spent SET (money, tokens) = (SELECT spent.money - a.money + ?, "
                "spent.tokens - a.tokens + ? FROM attempts a WHERE a.id=?)",
                (money, tokens, entry),
            )
            self._db.execute(
                "UPDATE attempts SET status=?, detail=?, money=?, tokens=?, at=?, text=?, "
                "finish=?, tokens_in=?, tokens_out=?, seconds=?, raw=? WHERE id=?",
                (status, detail, money, tokens, time.time(), *came, entry),
            )
            if status == ANSWERED and reply:
                self._db.execute(
                    "INSERT OR IGNORE INTO answers VALUES (?,?,?,?)",
                    (request.key, reply.text, generator, entry),
                )

    def take_over(
        self, prompts: Mapping[str, str], attempts: Sequence[tuple[str, Mapping[str, Any]]]
    ) -> tuple[int, int]:
        """Enter what another ledger has (its prompts by id, and attempts with their prompt's);
        gives how many were new and how many known. They do not count as spent here."""
        new = 0
        with self._writing():
            self._db.executemany("INSERT OR IGNORE INTO prompts VALUES (?,?)", prompts.items())
            for prompt, one in attempts:
                self._db.execute(
                    "INSERT OR IGNORE INTO requests VALUES (?,?,?,?)",
                    (one["key"], prompt, one["text"], one["sample"]),
                )
                taken = self._db.execute(
                    "INSERT INTO attempts (key, label, model, provider, repair, status, detail, "
                    "text, finish, tokens_in, tokens_out, money, tokens, seconds, at, raw, "
                    "imported) SELECT :key, :label, :model, :provider, :repair, :status, :detail, "
                    ":answer, :finish, :tokens_in, :tokens_out, :money, :tokens, :seconds, :at, "
                    ":raw, 1 WHERE NOT EXISTS (SELECT 1 FROM attempts WHERE key=:key AND "
                    "(status=:status AND (status='answer' OR at=:at)))",
                    one,
                )
                new += taken.rowcount
                if taken.rowcount and one["status"] == ANSWERED:
                    self._db.execute(
                        "INSERT OR IGNORE INTO answers VALUES (?,?,?,?)",
                        (one["key"], one["answer"], f"{one['provider']}:{one['model']}",
                         taken.lastrowid),
                    )  # fmt: skip
        return new, len(attempts) - new

    def _enter(self, request: Request) -> None:
        prompt = request.prompt
        if prompt.id not in self._known:
            self._db.execute(
                "INSERT OR IGNORE INTO prompts VALUES (?,?)", (prompt.id, prompt.content)
            )
            self._known.add(prompt.id)
        self._db.execute(
            "INSERT OR IGNORE INTO requests VALUES (?,?,?,?)",
            (request.key, prompt.id, request.text, request.index),
        )

    def _see_run(self) -> None:
        """Tell other processes that this one lives."""
        now = time.time()
        if now - self._alive > _DEAD_AFTER / 6:
            self._alive = now
            self._db.execute(
                "INSERT OR REPLACE INTO runs VALUES (?,?,?,?)",
                (self.run, socket.gethostname(), os.getpid(), now),
            )

    def see(self) -> None:
        """Tell other processes that this one lives, while it waits."""
        if time.time() - self._alive > _DEAD_AFTER / 6:
            with self._writing():
                self._see_run()


def _lives(host: str, pid: int, seen: float) -> bool:
    """Whether a run is still at work."""
    if time.time() - seen > _DEAD_AFTER:
        return False
    if host != socket.gethostname():
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # it lives, and is another user's
        return True
    return True
