"""Where a job is: the store of jobs and steps, the ledger that hands them out, the doorbell and the followers."""
