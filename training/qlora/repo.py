"""Names on the Hugging Face Hub as a command line has them."""

from __future__ import annotations

import re

_REPO = re.compile(r"([\w.-]+/[\w.-]+)(?:@([^@\s]+))?", re.ASCII)


def named(what: str) -> tuple[str, str | None] | None:
    """The repo and the revision of `you/name` or `you/name@REVISION`; None for anything else."""
    found = _REPO.fullmatch(what)
    return (found[1], found[2]) if found else None
