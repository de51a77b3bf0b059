"""`make bench-sweep`: what custody costs, against floors measured in the same run.

Every contender is a process of its own, pinned to a core; `run.py` gives them their turns. The
method, and what was measured, are in `docs/performance.md`.
"""
