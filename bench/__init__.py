"""`make bench-sweep` and `make bench-upload`: what the product costs, against floors and peers.

Every contender is a process of its own, pinned to a core, and contenders take turns within one
run. The sweep's measurements are here, the uploads' in `uploads/`, what both need in `child.py`,
`disk.py` and `report.py`. The method, and what was measured, are in `docs/performance.md`.
"""
