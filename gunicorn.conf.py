"""The web server's configuration: `gunicorn` in this directory reads it, and serves
`veza_site.wsgi`.
"""

import sys
from typing import Any

from django.core.exceptions import ImproperlyConfigured

from veza_site import loopback, values
from veza_site.access_log import GunicornLogger
from veza_site.environment import WEB_THREADS, check_names, setting
from veza_site.health import PATH
from veza_site.processors import usable_processors
from veza_site.requests import is_refused

try:
    check_names()
    debug = setting("DEBUG", values.flag, default=False)
    bind = setting("BIND", values.text, "127.0.0.1:8000")
    workers = setting("WEB_WORKERS", values.SEVERAL, usable_processors() + 1)
    # Each thread has at most one connection.
    threads = setting("WEB_THREADS", values.SEVERAL, WEB_THREADS)
    GunicornLogger.log_format = setting("LOG_FORMAT", values.log_format, "text")
    GunicornLogger.behind_proxy = setting("BEHIND_TLS_PROXY", values.flag, default=False)
except ImproperlyConfigured as error:
    sys.exit(f"gunicorn: {error}")

wsgi_app = "veza_site.wsgi"
worker_class = "veza_site.worker.Worker"
# SUPPORT_STATEMENT_TIMEOUT ends a statement of the admin, so a request ends long before this.
timeout = 60
graceful_timeout = 30
# Only Django decides, by BEHIND_TLS_PROXY, whether it trusts a proxy's headers. gunicorn would
# trust X-Forwarded-Proto of any client on this machine.
forwarded_allow_ips = ""
# Heartbeats are in memory: on a slow disk, a worker would seem to hang.
worker_tmp_dir = "/dev/shm"  # noqa: S108 - gunicorn chooses the names of its files
# Workers restart after some requests, but not all at once.
max_requests = 10_000
max_requests_jitter = 1_000
accesslog = "-"
logger_class = GunicornLogger
# The path without its query string, which may contain what staff searched for.
access_log_format = '%(h)s "%(m)s %(U)s" %(s)s %(B)s bytes %(M)s ms'
# No control socket: operators use signals.
control_socket_disable = True


def pre_request(worker: Any, request: Any) -> None:
    """Close the connection after the answer to a probe, or to a request whose body is refused.

    Such a body is not read. One answer to a probe fits into the socket's buffer. A client that
    sends thousands of probes on one connection and reads no answer would hold the thread that sends
    them.
    """
    is_probe = request.path == PATH
    if is_probe or (request.headers and is_refused(request.method, request.headers)):
        request.force_close()


def when_ready(server: Any) -> None:
    """Exit if DEBUG is on and others could connect. No worker runs yet."""
    if not debug:
        return
    try:
        loopback.confirm(map(loopback.host_of, server.LISTENERS))
    except ImproperlyConfigured as error:
        sys.exit(f"gunicorn: {error}")


# SIGHUP reads the configuration again, and may change the addresses.
on_reload = when_ready
