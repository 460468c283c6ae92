"""The tables of a ledger."""

#: Of what makes a file a ledger; another number, another layout.
VERSION = 1
SCHEMA = """
CREATE TABLE IF NOT EXISTS prompts (id TEXT PRIMARY KEY, content TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS requests (
    key TEXT PRIMARY KEY, prompt TEXT NOT NULL, text TEXT NOT NULL, sample INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS requests_of_prompt ON requests (prompt);
CREATE TABLE IF NOT EXISTS attempts (
    id INTEGER PRIMARY KEY, key TEXT NOT NULL, label TEXT NOT NULL, model TEXT NOT NULL,
    provider TEXT NOT NULL, run TEXT, batch TEXT, repair INTEGER NOT NULL DEFAULT 0,
    status TEXT NOT NULL, detail TEXT, text TEXT, finish TEXT,
    tokens_in INTEGER, tokens_out INTEGER, money INTEGER NOT NULL, tokens INTEGER NOT NULL,
    seconds REAL, at REAL NOT NULL, raw TEXT,
    imported INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS attempts_of_key ON attempts (key);
CREATE TABLE IF NOT EXISTS answers (
    key TEXT PRIMARY KEY, text TEXT NOT NULL, generator TEXT NOT NULL, attempt INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS runs (
    id TEXT PRIMARY KEY, host TEXT NOT NULL, pid INTEGER NOT NULL, seen REAL NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS spent (
    one INTEGER PRIMARY KEY CHECK (one = 1), money INTEGER NOT NULL, tokens INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS batches (
    token TEXT PRIMARY KEY, id TEXT, at REAL NOT NULL
) WITHOUT ROWID;
INSERT OR IGNORE INTO spent VALUES (1, 0, 0);
"""
