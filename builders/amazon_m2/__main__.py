"""`python -m builders.amazon_m2`"""

from builders.amazon_m2 import BUILDER
from builders.cli import main

main(BUILDER)
