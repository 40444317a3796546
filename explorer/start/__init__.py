"""The first page: what this is, one computed result per lesson, where to go."""
