"""Long work: how it tells its progress, waits its turn, is described, run, kept and shown again."""
