"""`make bench-store`: the storage in a database, alone and among several processes."""
