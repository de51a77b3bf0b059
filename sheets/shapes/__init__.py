"""What a department's sheets look like, as sheets.toml says it."""
