"""A class at once: protocol clients against our app and a bare one, and the figures made of their times."""
