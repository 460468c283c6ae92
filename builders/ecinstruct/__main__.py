"""`python -m builders.ecinstruct`"""

from builders.cli import main
from builders.ecinstruct import BUILDER

main(BUILDER)
