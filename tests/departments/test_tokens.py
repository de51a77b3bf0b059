"""What a department's computer is given: no token that ends soon, none that is long withdrawn."""

from __future__ import annotations

import pytest
from freezegun import freeze_time

from departments.names import Department
from departments.tokens import Tokens
from security.errors import ConsentRequired, TransientFault
from tests.security.kit import World

pytestmark = pytest.mark.encryption("on")
TANHAE = Department("tanhae", "淡海")


async def test_a_token_with_less_than_five_minutes_left_is_given_to_nobody(world: World) -> None:
    """Google gives no new one just now: whoever got it would begin an upload that it ends amid."""
    await world.google.fault("google.token.refresh", "status", status=503, count=0)
    await world.connect(TANHAE.owner, minutes_left=5.5)
    assert (await Tokens(world.custodian).token(TANHAE)).access_token
    await world.connect(TANHAE.owner, minutes_left=4.9)
    with pytest.raises(TransientFault):
        await Tokens(world.custodian).token(TANHAE)


@pytest.mark.one_way("on")
async def test_what_another_process_has_withdrawn_is_given_for_a_second_and_no_longer(
    world: World,
) -> None:
    tokens = Tokens(world.custodian)
    with freeze_time(real_asyncio=True) as frozen:
        await world.connect(TANHAE.owner)
        given = await tokens.token(TANHAE)
        world.store.delete(TANHAE.owner)
        frozen.tick(0.9)
        assert await tokens.token(TANHAE) is given
        frozen.tick(0.2)
        with pytest.raises(ConsentRequired):
            await tokens.token(TANHAE)
