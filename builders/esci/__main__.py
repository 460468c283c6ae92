"""`python -m builders.esci`"""

from builders.cli import main
from builders.esci import BUILDER

main(BUILDER)
