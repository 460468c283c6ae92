"""Mixtures: sets of samples with sizes, without duplicates and leaks, versioned by content."""
