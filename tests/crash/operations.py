"""Every operation of the matrix.

One by hand, without strace: `python -m tests.crash.operations OPERATION FOLDER`.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

from tests.crash.operation import Hands, Operation
from tests.crash.operator_operations import OPERATOR_OPERATIONS
from tests.crash.owner_operations import OWNER_OPERATIONS
from tests.crash.world import FolderState, World, build_world, lay_out, take_in

OPERATIONS: Final[dict[str, Operation]] = {
    operation.name: operation for operation in (*OWNER_OPERATIONS, *OPERATOR_OPERATIONS)
}


def beginning(operation: Operation, world: World, scratch: Path) -> FolderState:
    """What `operation` starts from; `scratch` is used to make it, and holds it."""
    lay_out(scratch, world.state)
    operation.prepare(Hands(world, scratch, world.keyring))
    return take_in(scratch)


def main(name: str, folder: str) -> None:
    """Do one operation on a new world in `folder`."""
    scratch, operation = Path(folder).absolute(), OPERATIONS[name]
    world = build_world(scratch)
    beginning(operation, world, scratch)
    for done in operation.run(Hands(world, scratch, operation.keyring(world))):
        print(done)


if __name__ == "__main__":
    main(*sys.argv[1:])
