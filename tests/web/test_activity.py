"""What counts as something to do: not the health check, nor whoever tries addresses."""

from __future__ import annotations

import httpx
import pytest

from tests.web.kit import RunningWeb
from web.activity import Activity, Noting
from web.app import WebParts, create_app
from web.serving import listen, serving

pytestmark = [pytest.mark.encryption("on"), pytest.mark.one_way("on")]


@pytest.mark.parametrize(
    ("method", "path", "is_noted"),
    [
        ("GET", "/healthz", False),
        ("HEAD", "/healthz", False),
        ("GET", "/wp-login.php", False),
        ("PUT", "/console", False),
        ("GET", "/console", True),
        ("GET", "/api/google/status", True),
        ("POST", "/api/google/get-access-token?department=tanhae", True),
    ],
)
async def test_what_is_noted(web: RunningWeb, method: str, path: str, is_noted: bool) -> None:
    """A computer that brings a key is, whatever it is told: it may be a stolen one."""
    _, key = await web.add_computer(may=("upload",))
    activity = Activity()
    has_news = activity.news()
    assert [has_news(), has_news()] == [True, False]
    app = create_app(WebParts(is_alive=lambda: True, departments=web.parts))
    listener = listen("127.0.0.1", 0)
    async with (
        serving(Noting(app, activity), listener),
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{listener.getsockname()[1]}") as client,
    ):
        answer = await client.request(method, path, headers={"Host": web.host})
        assert answer.status_code != 421
        assert has_news() is is_noted
        assert (await client.get("/console", headers={"Host": "elsewhere.test"})).status_code == 421
        assert not has_news()
        authorization = {"Authorization": f"Bearer {key.get_secret_value()}"}
        ask = {"department": "tanhae"}
        theirs = {"Host": web.host, "Idempotency-Key": "never", **authorization}
        answer = await client.get("/api/google/upload-sessions", params=ask, headers=theirs)
        assert (answer.status_code, has_news()) == (404, True)
