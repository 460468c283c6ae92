"""`python -m builders.amazon_reviews`"""

from builders.amazon_reviews import BUILDER
from builders.cli import main

main(BUILDER)
