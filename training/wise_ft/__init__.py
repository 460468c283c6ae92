"""wise-ft: a base model and several LoRA adapters become one model, exactly.

W = W_base + sum of w_i (alpha_i / r_i) B_i A_i (WiSE-FT, arXiv 2109.01903, over LoRA adapters).
"""
