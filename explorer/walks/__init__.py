"""Lessons by link: walks through the pages, step by step, those that ship and those a teacher makes."""
