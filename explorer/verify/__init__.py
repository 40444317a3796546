"""What cards and evidence claim, found again from the weights and the images; and what of it cannot be."""
