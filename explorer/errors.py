"""The one exception that the pages and the terminal show to people as it is."""


class ExplorerError(ValueError):
    """Bad input. Its message is one clear sentence that says what to do instead."""
