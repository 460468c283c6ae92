"""A mixture as one page that opens offline: what is in it, what was left out, and the samples."""
