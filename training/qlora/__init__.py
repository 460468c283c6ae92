"""QLoRA adapters, trained on mixtures through axolotl."""
