"""Attacks on the serving process, with requests that no client in the tests' process could send."""

import re
import socket
import struct
from contextlib import ExitStack

import pytest

from tests.attack.served import FORM, THREADS, Served

pytestmark = [pytest.mark.django_db, pytest.mark.process]


def test_the_file_of_a_developer_changes_nothing(site: Served) -> None:
    status, answer = site.send(
        b"GET /admin/ HTTP/1.1\r\nHost: admin.example.com\r\nX-Forwarded-Proto: http\r\n"
        b"X-Forwarded-For: 203.0.113.9\r\nConnection: close\r\n\r\n"
    )
    assert (status, "Location: https://" in answer) == (301, True)
    status, answer = site.ask("GET /nothing/")
    assert status == 404
    assert "DEBUG" not in answer


#: Requests that no form of this site sends: method, headers about the body, body.
BODIES = {
    "an upload": ("POST", ["Content-Type: multipart/form-data; boundary=b"], b"--b\r\n", 415),
    "no boundary": ("POST", ["Content-Type: multipart/form-data"], b"--b\r\n", 415),
    "broken boundary": ("POST", ["Content-Type: multipart/form-data; boundary=\xe9;"], b"x", 415),
    "JSON": ("POST", ["Content-Type: application/json"], b"{}", 415),
    "no type": ("POST", [], b"a=b", 415),
    "utf-7": ("POST", [f"{FORM}; charset=utf-7"], b"a=b", 400),
    "base64": ("POST", [f"{FORM}; charset=base64"], b"a=b", 400),
    "rot13": ("POST", [f"{FORM}; charset=rot13"], b"a=b", 400),
    "unknown": ("POST", [f"{FORM}; charset=klingon"], b"a=b", 400),
    "undefined": ("POST", [f"{FORM}; charset=undefined"], b"a=b", 400),
    "RFC 2231": ("POST", [f"{FORM}; charset*=klingon''x%ff"], b"a=b", 400),
    "very long": ("POST", [f"{FORM}; charset={'x' * 5000}"], b"a=b", 400),
    "charset of a GET": ("GET", [f"{FORM}; charset=rot13"], b"", 400),
    "body of a GET": ("GET", [FORM], b"a=b", 400),
    "body of a PUT": ("PUT", [FORM], b"a=b", 400),
    "large": ("POST", [FORM], b"a=" + b"x" * 200_000, 413),
}


@pytest.mark.parametrize("kind", BODIES)
@pytest.mark.parametrize("path", ["/admin/login/", "/admin/", "/nothing/"])
def test_bodies(site: Served, kind: str, path: str) -> None:
    method, headers, body, expected = BODIES[kind]
    length = [f"Content-Length: {len(body)}"] if body else []
    status, answer = site.ask(f"{method} {path}", *headers, *length, body=body)
    assert status == expected
    assert "Go to the start page" in answer
    assert "content-security-policy" in answer.lower()


def test_a_body_without_a_length(site: Served) -> None:
    status, answer = site.ask("POST /admin/login/", FORM, "Transfer-Encoding: chunked",
                              body=b"3\r\na=b\r\n0\r\n\r\n")  # fmt: skip
    assert status == 411
    assert "Go to the start page" in answer


def test_a_large_body_is_not_waited_for(site: Served) -> None:
    """The answer comes before the body: 300 MB are announced, but not sent."""
    kind = "Content-Type: multipart/form-data; boundary=b"
    status, answer = site.ask("POST /admin/login/", kind, "Content-Length: 300000000")
    assert status == 413
    assert "Connection: close" in answer


@pytest.mark.parametrize(
    "line",
    ["GET /%", "GET /%zz/", "GET /%ff%fe/", "GET /%00", "GET /admin/login/?next=%00",
     "GET /admin/login/?%ff=%zz&;=&=", "GET /admin/%c0%af/", "GET /admin/login/?a=%ed%a0%80"],
)  # fmt: skip
def test_odd_addresses(site: Served, line: str) -> None:
    status, _ = site.ask(line)
    assert status in (200, 302, 400, 404)


#: Requests that Django refuses with an exception and a traceback; the fixture looks for one.
TOO_MANY = "&".join(f"p{number}" for number in range(300))


@pytest.mark.parametrize(
    ("line", "headers", "body", "expected"),
    [
        (f"GET /admin/login/?{TOO_MANY}", [], b"", 400),
        (f"HEAD /admin/login/?{TOO_MANY}", [], b"", 400),
        (f"GET /?{TOO_MANY}", [], b"", 302),
        ("POST /admin/login/", [FORM], TOO_MANY.encode(), 400),
        ("POST /admin/second-factor/", [FORM], TOO_MANY.encode(), 400),
        ("GET /admin/login/", ["Host: evil.example"], b"", 400),
        ("GET /admin/login/", ["Host: admin.example.com:x"], b"", 400),
        ("GET /admin/login/", ["Host: \xe4dmin.example.com"], b"", 400),
        ("GET /admin/login/", ["Host: admin.example.com@evil.example"], b"", 400),
        ("GET /static/../manage.py", [], b"", 404),
        ("GET /static/%2e%2e/manage.py", [], b"", 404),
        ("GET /static/veza/%00", [], b"", 404),
        ("GET /static/", [], b"", 404),
        ("GET /static/veza/", [], b"", 404),
        ("GET /static/staticfiles.json", [], b"", 404),
        ("GET /static/staticfiles%2ejson", [], b"", 404),
        ("GET /.git/config", [], b"", 404),
        ("GET /static/.git/config", [], b"", 404),
        ("GET /.env", [], b"", 404),
        ("GET /static/../.env", [], b"", 404),
        ("POST /admin/login/", [FORM, "Origin: null"], b"username=a", 403),
        ("POST /admin/login/", [FORM, "Referer: \xff://["], b"username=a", 403),
        ("GET /admin/login/?next=javascript:alert(1)", [], b"", 200),
        ("GET /admin/" + "x/" * 1900, [], b"", 302),
    ],
    ids=lambda value: value[:40] if isinstance(value, str) else None,
)
def test_suspicious_requests(
    site: Served, line: str, headers: list[str], body: bytes, expected: int
) -> None:
    length = [f"Content-Length: {len(body)}"] if body else []
    hosts = [header for header in headers if header.startswith("Host")]
    status, _ = site.ask(line, *headers, *length, body=body, host=not hosts)
    assert status == expected


def test_clients_that_break_off(site: Served) -> None:
    """Before the end of the request, or of the answer."""
    head = (
        f"POST /admin/login/ HTTP/1.1\r\nHost: admin.example.com\r\nX-Forwarded-Proto: https\r\n"
        f"X-Forwarded-For: 203.0.113.9\r\n{FORM}\r\nContent-Length: 100\r\n\r\nusername=a"
    ).encode()
    for octets in (head, head[:-12], head[:40], head.replace(b"length: 100", b"length: 10")):
        with site.connect() as connection:
            connection.sendall(octets)
            # Closed with RST, not with FIN.
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        with site.connect() as connection:
            connection.sendall(octets)
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(65536):
                pass
    assert site.ask("GET /admin/login/")[0] == 200


@pytest.mark.parametrize("name", ["__Host-session", "__Host-csrf", "messages"])
@pytest.mark.parametrize(
    "value", ['"\\000\\000\\000\\000\\000\\000\\000\\000"', "x" * 3000, '"', "é"]
)
def test_odd_cookies(site: Served, name: str, value: str) -> None:
    for path in ("/admin/login/", "/admin/"):
        status, _ = site.ask(f"GET {path}", f"Cookie: {name}={value}")
        assert status in (200, 302)


def test_a_proxy_that_does_not_name_the_client(site: Served) -> None:
    """Otherwise all clients would have its address, and lock each other out."""
    request = (
        "GET /admin/login/ HTTP/1.1\r\nHost: admin.example.com\r\nConnection: close\r\n"
        "X-Forwarded-Proto: https\r\n{}\r\n"
    )
    for header in ("", "X-Forwarded-For: unknown\r\n", "X-Forwarded-For: 1.2.3.4, \r\n"):
        status, answer = site.send(request.format(header).encode())
        assert status == 400
        assert "BEHIND_TLS_PROXY" in answer


@pytest.mark.parametrize("two", ["https, http", "http, https", "https\r\nX-Forwarded-Proto: http"])
def test_a_proxy_that_appends_how_the_client_came(site: Served, two: str) -> None:
    """Django would believe the first, which the client wrote."""
    status, answer = site.ask("GET /admin/login/", scheme=two)
    assert status == 400
    assert "X-Forwarded-Proto" in answer


def test_forged_lines_of_the_log(site: Served) -> None:
    """The fixture checks every line of the log at the end."""
    forged = "%0a2026-01-01T00:00:00.000+00:00%20ERROR%20forged%0d%1b[2J%c2%85%e2%80%a8"
    for path in (f"/{forged}", f"/admin/login/{forged}", f"/static/{forged}", f"/healthz{forged}"):
        site.ask(f"GET {path}", f"User-Agent: {forged}", f"Referer: {forged}")
    site.send(b"G\x1b[2JT / HTTP/1.1\r\n\r\n")
    site.send(b"GET /\x1b[2J\x85 HTTP/1.1\r\nHost: a\x1b\r\n\r\n")
    log = site.log.read_text()
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029]", log)
    assert not re.search(r"(?m)^2026-01-01", log)


def test_slow_clients_do_not_hold_the_health_page(site: Served) -> None:
    with ExitStack() as stack:
        for number in range(4 * THREADS):
            slow = stack.enter_context(site.connect())
            # Also in the middle of a request for the health page itself.
            path = b"/healthz" if number % 2 else b"/admin/login/"
            slow.sendall(b"GET " + path + b" HTTP/1.1\r\nHost: x\r\n")
        for _ in range(3):
            status, answer = site.send(
                b"GET /healthz HTTP/1.1\r\nHost: 10.0.0.7\r\nConnection: close\r\n\r\n"
            )
            assert status == 200
            assert '"status": "ok"' in answer


def test_clients_that_do_not_read_do_not_hold_the_health_page(site: Served) -> None:
    """A connection gets one answer, which always fits into its buffer."""
    with site.connect() as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        answer = b""
        while chunk := connection.recv(65536):
            answer += chunk
    assert answer.startswith(b"HTTP/1.1 200")
    assert b"\r\nConnection: close\r\n" in answer


@pytest.mark.parametrize("scheme", ["https", "http"])
@pytest.mark.parametrize(
    "line",
    ["GET /", "GET /admin/login/", "GET /nothing/", "POST /admin/login/", "GET /healthz",
     "GET /static/veza/icon.svg", "GET /static/nothing.css", "GET /admin/", "PUT /healthz",
     "GET /metrics", "HEAD /healthz", "OPTIONS /admin/login/", "GET /admin", "GET /admin/jsi18n/"],
)  # fmt: skip
def test_headers(site: Served, line: str, scheme: str) -> None:
    """The headers of pages, redirects, errors and probes."""
    _, answer = site.ask(line, "Origin: https://evil.example", scheme=scheme)
    head_of_any_answer(answer)
    if type_ := re.search(r"(?i)\ncontent-type: (text/[^\r]*)", answer):
        assert "charset=" in type_[1]
    assert ("strict-transport-security: max-age=" in answer.lower()) == (scheme == "https")


def test_headers_of_what_the_proxy_did_wrong(site: Served) -> None:
    _, answer = site.send(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert "BEHIND_TLS_PROXY" in answer
    head_of_any_answer(answer)


def head_of_any_answer(answer: str) -> None:
    """Check the headers that every answer must have (ASVS 5.0, 3.4)."""
    head = answer.partition("\r\n\r\n")[0].lower()
    assert "cache-control: " in head
    assert "cross-origin-resource-policy: same-origin" in head
    assert "permissions-policy: " in head
    assert "x-content-type-options: nosniff" in head
    assert "referrer-policy: same-origin" in head
    for directive in ("frame-ancestors", "object-src", "base-uri"):
        assert f"{directive} 'none'" in head
    assert "access-control-" not in head


@pytest.mark.parametrize(
    "octets",
    [b"nonsense\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"G(T / HTTP/1.1\r\n\r\n",
     b"GET /%s HTTP/1.1\r\n\r\n" % (b"x" * 9000), b"GET / HTTP/1.1\r\nA\x01b: c\r\n\r\n",
     b"GET / HTTP/1.1\r\nContent-Length: one\r\n\r\n",
     b"GET / HTTP/1.1\r\nTransfer-Encoding: nonsense\r\n\r\n",
     b"GET / HTTP/1.1\r\nA: %s\r\n\r\n" % (b"x" * 9000)],
)  # fmt: skip
def test_headers_of_what_is_no_request(site: Served, octets: bytes) -> None:
    """gunicorn answers these itself."""
    status, answer = site.send(octets)
    assert 400 <= status < 600
    head = answer.partition("\r\n\r\n")[0].lower()
    assert "cache-control: no-store" in head
    assert "cross-origin-resource-policy: same-origin" in head
    assert "permissions-policy: " in head
    assert "content-security-policy: default-src 'none'" in head
    assert "x-content-type-options: nosniff" in head
