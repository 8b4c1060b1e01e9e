"""Exports lists as CSV, as a browser does."""

import csv
import io
from typing import Any

from django.test import Client


def address(model: Any, page: str = "export/") -> str:
    return f"/admin/{model._meta.app_label}/{model._meta.model_name}/{page}"


def download(client: Client, model: Any, query: str = "", reason: str = "audit") -> Any:
    return client.post(f"{address(model)}{query}", {"reason": reason})


def lines(response: Any) -> list[list[str]]:
    assert response.status_code == 200, response.content.decode()
    text = b"".join(response.streaming_content).decode("utf-8-sig")
    return list(csv.reader(io.StringIO(text, newline="")))


def rows(response: Any) -> list[dict[str, str]]:
    head, *body = lines(response)
    return [dict(zip(head, line, strict=True)) for line in body]
