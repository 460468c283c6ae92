"""`python -m builders.publish`: mixtures of a version on the Hub."""

from __future__ import annotations

import sys

from builders.cli import run
from builders.console import Reporter
from builders.publish.publish import publish
from builders.publish.settings import arguments

if __name__ == "__main__":
    run(lambda: publish(arguments(sys.argv[1:]), Reporter()))
