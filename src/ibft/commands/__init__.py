"""The subcommands of `ibft`, one module each."""
