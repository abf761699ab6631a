"""The service's share of the `listenwell` command: one subcommand a file, registered in pyproject.toml."""
