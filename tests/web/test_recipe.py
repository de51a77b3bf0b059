"""What docs/departments.md has whoever writes a program for a department's computers type."""

from __future__ import annotations

import asyncio
import os
import re
from pathlib import Path
from typing import Final

import pytest

from departments.administrators.who import operator
from sandbox.clients.google_controls import GoogleControls
from tests.documents import ROOT
from tests.installed import needs
from tests.security.kit import AMY
from tests.web.kit import TANHAE, RunningWeb

pytestmark = [pytest.mark.encryption("on"), pytest.mark.one_way("on")]
SECTION: Final = "### A program of your own"


@needs("curl")
@needs("openssl")
async def test_the_recipe_pairs_uploads_and_sees_the_file_arrive(
    web: RunningWeb, google: GoogleControls, tmp_path: Path
) -> None:
    await web.authorise(google, AMY)
    desk = web.services.desk
    code = await web.custody.workers.run(
        desk.pairing.make, TANHAE.slug, "curl", ["upload"], operator("Lin")
    )
    page = (ROOT / "docs" / "departments.md").read_text("utf-8")
    found = re.search(r"```sh\n(.*?)```", page[page.index(SECTION) :], re.DOTALL)
    assert found is not None
    recipe = found[1].replace("https://drive.example.org", web.url)
    recipe = recipe.replace("KTRW-PHXM", code.shown)
    (tmp_path / "notes.pdf").write_bytes(b"%PDF-1.7 " + os.urandom(300_000))
    run = await asyncio.create_subprocess_exec(
        *("bash", "-euc", recipe),
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "no_proxy": "*"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await run.communicate()
    assert run.returncode == 0, said.decode()
    assert '"md5Checksum"' in said.decode()
    assert '"state":"complete"' in said.decode()
