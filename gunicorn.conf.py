"""The web server: `gunicorn` in this directory reads it, and serves `veza_site.wsgi`."""

import multiprocessing
import os

wsgi_app = "veza_site.wsgi"
bind = os.environ.get("BIND", "127.0.0.1:8000")
workers = int(os.environ.get("WEB_WORKERS", multiprocessing.cpu_count() + 1))
# A page waits for the database more than it computes; each thread holds a connection at most.
threads = int(os.environ.get("WEB_THREADS", "4"))
# A statement of the admin ends after SUPPORT_STATEMENT_TIMEOUT, a request long before this.
timeout = 60
graceful_timeout = 30
# Heartbeats in memory: on a slow disk they would look like a worker that hangs.
worker_tmp_dir = "/dev/shm"  # noqa: S108 - gunicorn makes files of its own names in it
# A worker begins anew now and then, and not all of them at once.
max_requests = 10_000
max_requests_jitter = 1_000
accesslog = "-"
# The path without its query, which may hold what staff searched for.
access_log_format = '%(t)s %(h)s "%(m)s %(U)s" %(s)s %(B)s bytes %(M)s ms'
# Nobody steers it from outside: whoever runs it sends signals.
control_socket_disable = True
