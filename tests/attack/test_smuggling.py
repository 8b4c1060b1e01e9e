"""Two servers must never disagree about the end of a request, or about its origin."""

import pytest

from tests.attack.served import FORM, Served

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.process,
    pytest.mark.parametrize("site", ["text"], indirect=True),
]

#: A request with a short answer.
HIDDEN = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
#: Headers for which two servers could see different ends of a request, and what then comes before
#: the second request: the length of the first one, or a last chunk.
TWO_WAYS = {
    "length and chunks": ("Content-Length: 5\r\nTransfer-Encoding: chunked", b"0\r\n\r\n"),
    "two lengths": ("Content-Length: 0\r\nContent-Length: 40", b""),
    "a list of lengths": ("Content-Length: 0, 40", b""),
    "a sign": ("Content-Length: +0", b""),
    "another base": ("Content-Length: 0x0", b""),
    "an underscore within": ("Content-Length: 1_0", b""),
    "other digits": ("Content-Length: \u0660", b""),
    "a space before the colon": ("Transfer-Encoding : chunked", b"0\r\n\r\n"),
    "a folded line": ("Transfer-Encoding:\r\n chunked", b"0\r\n\r\n"),
    "another coding": ("Transfer-Encoding: xchunked", b"0\r\n\r\n"),
    "chunks, then another": ("Transfer-Encoding: chunked, identity", b"0\r\n\r\n"),
    "chunks twice": ("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", b"0\r\n\r\n"),
    "a control": ("Transfer-Encoding: \x0bchunked", b"0\r\n\r\n"),
    "a bare line feed": ("X: y\nTransfer-Encoding: chunked", b"0\r\n\r\n"),
    "a bare carriage return": ("X: y\rTransfer-Encoding: chunked", b"0\r\n\r\n"),
    "a chunk of another base": ("Transfer-Encoding: chunked", b"0x0\r\n\r\n"),
    "a chunk with a sign": ("Transfer-Encoding: chunked", b"+0\r\n\r\n"),
    "a chunk's line feed": ("Transfer-Encoding: chunked", b"0\n\n"),
    "an empty name": (": x\r\nContent-Length: 0", b""),
}


@pytest.mark.parametrize("kind", TWO_WAYS)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_no_request_hides_in_another(site: Served, kind: str, method: str) -> None:
    """Nothing after a request with an uncertain end is answered (ASVS 5.0, 4.2.1)."""
    headers, body = TWO_WAYS[kind]
    head = (
        f"{method} /admin/login/ HTTP/1.1\r\nHost: admin.example.com\r\n{FORM}\r\n"
        f"X-Forwarded-Proto: https\r\nX-Forwarded-For: 203.0.113.9\r\n{headers}\r\n\r\n"
    )
    status, answer = site.send(head.encode() + body + HIDDEN)
    assert status in (400, 411, 501)
    assert answer.count("HTTP/1.1 ") == 1


def test_two_requests_of_one_client_are_two(site: Served) -> None:
    """So that the test above can fail."""
    first = HIDDEN.replace(b"/healthz", b"/nothing").replace(
        b"\r\n\r\n", b"\r\nX-Forwarded-For: 203.0.113.9\r\nX-Forwarded-Proto: https\r\n\r\n"
    )
    assert site.send(first + HIDDEN)[1].count("HTTP/1.1 ") == 2


def test_what_a_proxy_says_has_one_spelling(site: Served) -> None:
    """WSGI would take an underscore for a hyphen."""
    said = site.ask("GET /admin/login/", "X_Forwarded_Proto: https", scheme="http")
    assert said[0] == 301


def test_a_probe_is_not_redirected_to_https(site: Served) -> None:
    """Clients that send a token without TLS should notice (ASVS 5.0, 4.1.2)."""
    token = f"Authorization: Bearer {'m' * 16}"
    for line, *headers, expected in (
        ("GET /healthz", 200), ("GET /metrics", 401), ("GET /metrics", token, 200),
    ):  # fmt: skip
        assert site.ask(line, *headers, scheme="http")[0] == expected
