"""Lesson: what masking weights and removing channels do to accuracy, size and time."""
