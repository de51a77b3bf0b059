"""How one file's bytes go into a Drive; `upload.py` is the call that puts these parts together."""
