"""Lesson: what a student learns from the teacher's softened distributions."""
