"""Builders: from shopping data to training samples that prove themselves."""
