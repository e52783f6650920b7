"""The sandbox: isolation levels, and the cells in which untrusted programs run."""
