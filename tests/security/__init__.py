"""The core's tests: custody of credentials, against the sandbox over loopback."""
