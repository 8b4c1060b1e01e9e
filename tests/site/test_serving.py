"""The site as in production: gunicorn, whitenoise, a proxy that terminates TLS, and headers."""

import gzip
import os
import re
import secrets
import socket
import subprocess
import sys
import time
from contextlib import closing
from http.client import HTTPConnection

import pytest
from django.template.loader import get_template
from django.test import Client

from tests.staff import make_staff, signed_in
from tests.support import ROOT, manage, production_environment, scratch_database

pytestmark = [pytest.mark.django_db, pytest.mark.process]

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "font-src 'self'; connect-src 'self'; form-action 'self'; object-src 'none'; base-uri 'none'; "
    "frame-ancestors 'none'"
)


def without_nonce(policy):
    return re.sub(r" 'nonce-[^']+'", "", policy)


@pytest.mark.parametrize("path", ["/admin/login/", "/admin/", "/admin/nothing/", "/nothing/"])
def test_headers(client, path):
    for browser in (client, signed_in(make_staff(username=f"user{secrets.token_hex(4)}"))):
        response = browser.get(path)
        assert without_nonce(response["Content-Security-Policy"]) == POLICY
        assert response["X-Frame-Options"] == "DENY"
        assert response["X-Content-Type-Options"] == "nosniff"
        assert response["Referrer-Policy"] == "same-origin"
        assert response["Cross-Origin-Opener-Policy"] == "same-origin"


def test_a_nonce_is_used_once(client):
    nonces = set()
    for _ in range(3):
        response = client.get("/admin/login/")
        (nonce,) = set(re.findall(r"'nonce-([^']+)'", response["Content-Security-Policy"]))
        assert f'nonce="{nonce}"' in response.text
        nonces.add(nonce)
    assert len(nonces) == 3


def test_pages_fit_the_policy(settings):
    """No style or script within a page without the nonce, no handler, nothing from elsewhere."""
    settings.SECOND_FACTOR_REQUIRED = True
    half_way = signed_in(make_staff())
    for page in (half_way.get("/admin/second-factor/"), half_way.get("/admin/login/", follow=True)):
        assert page.status_code == 200
        assert not re.search(r"\sstyle=|\son\w+=", page.text)
        # What has an address is checked below; what is in the page needs the nonce.
        for tag in re.findall(r"<(?:script|style)\b[^>]*>", page.text):
            assert "nonce=" in tag or "src=" in tag
        urls = re.findall(r'(?:src|href|action)="([^"]*)"', page.text)
        assert [url for url in urls if not url.startswith(("/", "#"))] == []


@pytest.fixture(scope="module")
def served(migrated, django_db_blocker, tmp_path_factory):
    """The port of a gunicorn that serves a migrated database with DEBUG off."""
    static = tmp_path_factory.mktemp("static")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with django_db_blocker.unblock(), scratch_database(f"TEMPLATE {migrated}") as name:
        environment = {
            **production_environment(name),
            "SECRET_KEY": secrets.token_urlsafe(50),
            "ALLOWED_HOSTS": "admin.example.com",
            "BEHIND_TLS_PROXY": "1",
            "STATIC_ROOT": str(static),
        }
        result = manage("collectstatic", "--noinput", **environment)
        assert result.returncode == 0, result.stderr
        with subprocess.Popen(
            [sys.executable, "-W", "error", "-m", "gunicorn", "--workers", "1"],
            cwd=ROOT,
            env={**os.environ, **environment, "BIND": f"127.0.0.1:{port}"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as server:
            try:
                wait_for(port)
                yield port
            finally:
                server.terminate()
                log = server.communicate(timeout=60)[0]
        assert "Traceback" not in log, log
        assert "secret-search" not in log, "queries are not logged"
        assert '"GET /admin/login/" 200' in log


def wait_for(port):
    for _ in range(600):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=60).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError("gunicorn does not start")


def get(port, path, **headers):
    """The answer that the proxy would pass on: status, headers, body."""
    forwarded = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "203.0.113.9"}
    headers = {"Host": "admin.example.com", **forwarded, **headers}
    with closing(HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
        connection.request("GET", path, headers=headers)
        with connection.getresponse() as response:
            return response.status, dict(response.getheaders()), response.read()


def test_production_serves_the_sign_in(served):
    status, headers, body = get(served, "/admin/login/?q=secret-search")
    assert status == 200
    assert without_nonce(headers["Content-Security-Policy"]) == POLICY
    assert headers["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains; preload"
    cookie = headers["Set-Cookie"]
    assert cookie.startswith("__Host-csrf=")
    assert {"Secure", "HttpOnly", "Path=/", "SameSite=Lax"} <= set(cookie.split("; "))
    assert b"E-mail or username" in body


def test_production_redirects_to_tls(served):
    status, headers, _ = get(served, "/admin/", **{"X-Forwarded-Proto": "http"})
    assert (status, headers["Location"]) == (301, "https://admin.example.com/admin/")


def test_production_refuses_another_host(served):
    assert get(served, "/admin/login/", Host="evil.example")[0] == 400


def test_production_serves_static_files_for_good_and_compressed(served):
    page = get(served, "/admin/login/")[2].decode()
    path = re.search(r"/static/veza/theme\.[0-9a-f]{12}\.css", page)[0]
    status, headers, body = get(served, path, **{"Accept-Encoding": "gzip"})
    assert status == 200
    assert headers["Content-Encoding"] == "gzip"
    assert "max-age=315360000" in headers["Cache-Control"]
    assert "immutable" in headers["Cache-Control"]
    assert b"{" in gzip.decompress(body)


def test_production_is_healthy(served):
    assert get(served, "/healthz", Host="10.0.0.7")[0] == 200


@pytest.mark.parametrize("name", ["400", "403", "403_csrf", "404", "500"])
def test_error_pages_need_nothing(name, django_assert_num_queries):
    """Django renders the page for 500 without a context, because the rest may have failed."""
    with django_assert_num_queries(0):
        page = get_template(f"{name}.html").render()
    assert "Go to the start page" in page
    assert not re.search(r"<style|<script|\sstyle=|\son\w+=", page)


def test_a_form_that_was_open_for_too_long(settings):
    response = Client(enforce_csrf_checks=True).post("/admin/login/", {"username": "alice"})
    assert response.status_code == 403
    assert "This page was open for too long" in response.text
