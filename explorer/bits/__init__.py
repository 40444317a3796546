"""Fewer bits per number: what rounding weights and activations does to accuracy and bytes."""
