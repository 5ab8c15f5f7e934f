"""Requests to the admin plane: exit codes by status, positions handed on, no key in any message."""

from __future__ import annotations

import socket

import pytest

from ops.cli.admin_client import AdminClient, AdminRefused, path_of
from ops.cli.exits import CommandFailed
from tests.unit.ingress.admin.plane import KEY
from tests.unit.ops.cli.admin_fixture import Admin


@pytest.mark.parametrize(
    ("status", "code"), [(400, 1), (401, 3), (403, 4), (404, 5), (409, 1), (412, 1), (429, 1), (500, 1), (503, 1)]
)
def test_statuses_become_exit_codes(admin: Admin, status: int, code: int) -> None:
    admin.answers.append((status, {"error": {"message": "what to do", "code": "word", "type": "t", "param": None}}))
    with pytest.raises(AdminRefused, match="what to do") as caught:
        AdminClient(admin.url, KEY).get("/tenants")
    assert (caught.value.code, caught.value.status, caught.value.error_code) == (code, status, "word")


@pytest.mark.parametrize("content", [{}, {"error": "text"}, [1]])
def test_an_error_of_another_shape_is_told_by_its_status(admin: Admin, content: dict[str, object]) -> None:
    admin.answers.append((502, content))
    with pytest.raises(AdminRefused, match="answered with status 502"):
        AdminClient(admin.url, KEY).get("/tenants")


def test_a_query_after_a_command_asks_for_its_position(admin: Admin) -> None:
    client = AdminClient(admin.url, KEY)
    client.get("/tenants")
    reply = client.call("POST", "/tenants", body={"id": "acme"})
    assert (reply.status, reply.position) == (201, "CONFIG:1")
    assert client.get("/tenants/acme")["id"] == "acme"
    assert [headers.get("x-nexus-position") for _, _, headers in admin.asked] == [None, None, "CONFIG:1"]


def test_every_page_is_read(admin: Admin, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ops.cli.admin_client.PAGE", 2)
    admin.given(*(("tenants", {"id": f"t{number}"}) for number in range(5)))
    assert [one["id"] for one in AdminClient(admin.url, KEY).pages("/tenants")] == ["t0", "t1", "t2", "t3", "t4"]
    assert len(admin.asked) == 3


def test_ids_may_hold_any_character() -> None:
    assert path_of("models", "mock/gpt 4o?#") == "/models/mock%2Fgpt%204o%3F%23"


def test_a_wrong_key_is_not_told(admin: Admin) -> None:
    for key in ("nxa_wrong", "nxa_two\r\nlines", "nxa_ü✓"):
        with pytest.raises(CommandFailed) as caught:
            AdminClient(admin.url, key).get("/tenants")
        assert "nxa_" not in str(caught.value)


def test_nobody_there_says_where_and_what_to_do() -> None:
    with socket.socket() as taken:
        # bound and not listening: nobody else can answer there
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(CommandFailed, match=f"{url} does not answer .*nexus status") as caught:
            AdminClient(url, KEY).get("/tenants")
    assert caught.value.code == 1


def test_a_server_that_speaks_something_else_is_a_failure_not_a_crash(admin: Admin) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        import threading

        def mumble() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(b"SSH-2.0-OpenSSH_9.6\r\n")

        thread = threading.Thread(target=mumble)
        thread.start()
        with pytest.raises(CommandFailed, match="does not answer"):
            AdminClient(f"http://127.0.0.1:{server.getsockname()[1]}", KEY).get("/tenants")
        thread.join(10)


def test_a_url_may_have_a_path_before_ours(admin: Admin) -> None:
    admin.answers.append((200, {"data": []}))
    AdminClient(f"{admin.url}/behind/", KEY).get("/tenants", {"limit": 5, "cursor": "", "tenant": None})
    assert admin.asked[0][:2] == ("GET", "/behind/api/admin/tenants?limit=5")


def test_the_url_is_told_without_user_and_password(admin: Admin) -> None:
    assert AdminClient("http://user:word@example.com:1/x", KEY).where == "http://example.com:1"
