"""Everything on disk: tables and their schemas, manifests, journals, records of runs, and the digest of code."""
