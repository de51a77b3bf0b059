"""Departments' readers: whose account reads what."""

from __future__ import annotations

from asyncio import to_thread
from contextlib import closing

import pytest

from security.errors import OperatorFault, TransientFault
from sheets.reading.readers import Readers
from tests.sheets.reading.conftest import KEY, Desk, titled


async def test_each_department_reads_as_its_own_service_account(desk: Desk) -> None:
    url = desk.sandbox.url
    with closing(Readers({"tanhae": KEY}, url, f"{url}/token")) as readers:
        assert readers.of("tanhae") is readers.of("tanhae")
        body = await to_thread(readers.of("tanhae").read, await desk.add(), titled("11512班表"))
        assert "0905G" in body.decode()
        with pytest.raises(OperatorFault, match="ANPING_GOOGLE_SERVICE_ACCOUNT_JSON") as raised:
            readers.of("anping")
        assert raised.value.code == "key_missing"


async def test_after_the_end_none_asks(desk: Desk) -> None:
    sheet = await desk.add()
    readers = Readers({"tanhae": KEY}, desk.sandbox.url, f"{desk.sandbox.url}/token")
    readers.close()
    with pytest.raises(TransientFault) as raised:
        await desk.read(readers.of("tanhae"), sheet, titled("11512班表"))
    assert raised.value.code == "stopped"
    assert await desk.asked() == 0
