"""From a mixture to a model: QLoRA through axolotl, and an exact merge of several adapters."""
