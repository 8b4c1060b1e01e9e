"""The web server: `gunicorn` in this directory reads it, and serves `veza_site.wsgi`."""

import sys

from django.core.exceptions import ImproperlyConfigured
from environs import EnvError, validate

from veza_site.access_log import GunicornLogger
from veza_site.environment import read_environment
from veza_site.processors import usable_processors

SEVERAL = validate.Range(min=1, max=1000)

try:
    env = read_environment()
    bind = env.text("BIND", default="127.0.0.1:8000")
    workers = env.int("WEB_WORKERS", default=usable_processors() + 1, validate=SEVERAL)
    # A page waits for the database more than it computes; each thread holds a connection at most.
    threads = env.int("WEB_THREADS", default=4, validate=SEVERAL)
    GunicornLogger.log_format = env.str("LOG_FORMAT", default="text")
    GunicornLogger.behind_proxy = env.bool("BEHIND_TLS_PROXY", default=False)
except (EnvError, ImproperlyConfigured) as error:
    sys.exit(f"gunicorn: {' '.join(str(error).split())}")

wsgi_app = "veza_site.wsgi"
# A statement of the admin ends after SUPPORT_STATEMENT_TIMEOUT, a request long before this.
timeout = 60
graceful_timeout = 30
# Heartbeats in memory: on a slow disk they would look like a worker that hangs.
worker_tmp_dir = "/dev/shm"  # noqa: S108 - gunicorn makes files of its own names in it
# A worker begins anew now and then, and not all of them at once.
max_requests = 10_000
max_requests_jitter = 1_000
accesslog = "-"
logger_class = GunicornLogger
# The path without its query, which may hold what staff searched for.
access_log_format = '%(h)s "%(m)s %(U)s" %(s)s %(B)s bytes %(M)s ms'
# Nobody steers it from outside: whoever runs it sends signals.
control_socket_disable = True
