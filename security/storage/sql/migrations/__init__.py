"""The schema's history: one line of revisions, each a module in `versions/`.

MySQL, MariaDB and TiDB commit each statement of a migration by itself, and a process may be killed
between any two. So a revision is run again from its beginning, and each of its steps looks first
whether it was made already (`steps.py`). One change a statement: TiDB takes no more in one ALTER.
A revision imports nothing from `tables.py`, which says how tables are today.
"""
