"""The web server: `gunicorn` in this directory reads it, and serves `veza_site.wsgi`."""

import sys
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from environs import EnvError

from veza_site import loopback
from veza_site.access_log import GunicornLogger
from veza_site.environment import SEVERAL, WEB_THREADS, read_environment
from veza_site.health import PATH
from veza_site.processors import usable_processors
from veza_site.requests import is_refused

try:
    env = read_environment()
    debug = env.bool("DEBUG", default=False)
    bind = env.text("BIND", default="127.0.0.1:8000")
    workers = env.int("WEB_WORKERS", default=usable_processors() + 1, validate=SEVERAL)
    # Each holds a connection at most.
    threads = env.int("WEB_THREADS", default=WEB_THREADS, validate=SEVERAL)
    GunicornLogger.log_format = env.str("LOG_FORMAT", default="text")
    GunicornLogger.behind_proxy = env.bool("BEHIND_TLS_PROXY", default=False)
except (EnvError, ImproperlyConfigured) as error:
    sys.exit(f"gunicorn: {' '.join(str(error).split())}")

wsgi_app = "veza_site.wsgi"
worker_class = "veza_site.worker.Worker"
# A statement of the admin ends after SUPPORT_STATEMENT_TIMEOUT, a request long before this.
timeout = 60
graceful_timeout = 30
# Django alone decides what it believes of a proxy, by BEHIND_TLS_PROXY. gunicorn would believe
# X-Forwarded-Proto of whoever connects from this machine.
forwarded_allow_ips = ""
# Heartbeats in memory: on a slow disk they would look like a worker that hangs.
worker_tmp_dir = "/dev/shm"  # noqa: S108 - gunicorn makes files of its own names in it
# A worker begins again now and then, and not all of them at once.
max_requests = 10_000
max_requests_jitter = 1_000
accesslog = "-"
logger_class = GunicornLogger
# The path without its query, which may hold what staff searched for.
access_log_format = '%(h)s "%(m)s %(U)s" %(s)s %(B)s bytes %(M)s ms'
# Nobody steers it from outside: whoever runs it sends signals.
control_socket_disable = True


def pre_request(worker: Any, request: Any) -> None:
    """Let the connection end with the answer to a probe, or to a body that is refused.

    The body is not read then. Of a probe one answer fits into the socket's buffer; a client that
    asks thousands of times and reads nothing would hold the thread that sends the next.
    """
    is_probe = request.path == PATH
    if is_probe or (request.headers and is_refused(request.method, request.headers)):
        request.force_close()


def when_ready(server: Any) -> None:
    """End where DEBUG is on and others could reach what it listens on; no worker runs yet."""
    if not debug:
        return
    try:
        loopback.confirm(map(loopback.host_of, server.LISTENERS))
    except ImproperlyConfigured as error:
        sys.exit(f"gunicorn: {error}")


# SIGHUP reads the configuration again, and may bind other addresses.
on_reload = when_ready
