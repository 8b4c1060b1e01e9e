"""gunicorn's logs in the format of all others, with the client's address behind the proxy."""

from typing import Any
from urllib.parse import quote

from gunicorn.config import Config
from gunicorn.glogging import Logger

from veza_site.address import address_of
from veza_site.logs import formatter


class GunicornLogger(Logger):
    """Access and error log; `log_format` and `behind_proxy` are set by gunicorn.conf.py."""

    log_format = "text"
    behind_proxy = False

    def setup(self, cfg: Config) -> None:
        super().setup(cfg)
        for log in (self.error_log, self.access_log):
            for handler in log.handlers:
                handler.setFormatter(formatter(self.log_format))

    def atoms(self, resp: Any, req: Any, environ: dict[str, Any], request_time: Any) -> Any:
        """What a log line may show. It has the client's address, and a path that cannot forge a
        line.
        """
        atoms = super().atoms(resp, req, environ, request_time)
        forwarded = environ.get("HTTP_X_FORWARDED_FOR", "") if self.behind_proxy else ""
        atoms["h"] = address_of(environ.get("REMOTE_ADDR", ""), forwarded) or "-"
        # The path as the client sent it: Django changes PATH_INFO, which may not fit into Latin-1.
        sent = environ.get("RAW_URI", "").partition("?")[0]
        atoms["U"] = quote(sent.encode("latin-1", "replace"), safe="/%")
        return atoms

    def access(self, resp: Any, req: Any, environ: dict[str, Any], request_time: Any) -> None:
        if self.log_format != "json":
            super().access(resp, req, environ, request_time)
            return
        atoms = self.atoms(resp, req, environ, request_time)
        fields = {
            "address": atoms["h"],
            "method": atoms["m"],
            "path": atoms["U"],
            "status": int(atoms["s"]),
            "bytes": atoms["B"],
            "milliseconds": atoms["M"],
        }
        message = f"{fields['method']} {fields['path']} {fields['status']}"
        self.access_log.info("%s", message, extra={"access": fields})
