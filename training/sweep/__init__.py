"""Which weights are best: the same adapters merged at many weights, each merge scored."""
