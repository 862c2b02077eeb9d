"""Values that everything else speaks of: jobs, steps, states, requests and stories. No I/O here."""
