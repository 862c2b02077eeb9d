"""WHERE a job is: the store of jobs and steps, the ledger, the doorbell and the followers."""
