"""Lesson: where a network's parameters and multiply-adds sit, and what fits a budget."""
