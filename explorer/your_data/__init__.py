"""Your data: a folder of labelled images and checkpoints of the user's, for all lessons to work on."""
