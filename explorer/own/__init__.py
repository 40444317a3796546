"""Your own: a folder of labelled images and checkpoints of one's own."""
