"""Tests of reading: Google's client, over loopback, against the sandbox."""
