"""Holds one MariaDB as long as the test run lives, whatever ends that, and removes what is left.

`python mariadb_sitter.py RUN FOLDER COMMAND…`, which returns at once: RUN is the process id of the
run, with whose end FOLDER goes as well. A server that ends before leaves FOLDER/ended.
"""

from __future__ import annotations

import os
import select
import shutil
import subprocess
import sys
from pathlib import Path


def main() -> None:
    """See above."""
    run, folder, *command = sys.argv[1:]
    try:
        its_end = os.pidfd_open(int(run))
    except ProcessLookupError:
        return
    if os.fork():
        return
    os.setsid()  # Ctrl-C is the run's
    with subprocess.Popen(command) as server:
        ended = select.poll()
        for descriptor in (its_end, os.pidfd_open(server.pid)):
            ended.register(descriptor, select.POLLIN)
        first = ended.poll()[0][0]
        server.kill()
    if first == its_end:
        shutil.rmtree(folder, ignore_errors=True)
    else:
        Path(folder, "ended").touch()


if __name__ == "__main__":
    main()
