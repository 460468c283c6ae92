"""Publishing: mixtures of a version in one commit and one tag of a data set on the Hub."""
