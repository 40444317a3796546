"""The report: the homework's six questions answered from what was done here, and the ledger's page."""
