"""A baseline: findings of an earlier audit, which a later one accepts and does not report."""

import json
from pathlib import Path
from typing import Any

from veza_core.schema.audit.session import AuditError


def read_baseline(path: Path) -> frozenset[str]:
    """Return the keys of the findings in a file of `audit_schema --format json`.

    Raises `AuditError` if the file is missing or not such a file.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise AuditError(f"{path}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise AuditError(f"{path}: is not JSON: {error}") from error
    keys = _keys(content)
    if keys is None:
        raise AuditError(f"{path}: is not what audit_schema --format json prints")
    return frozenset(keys)


def _keys(content: Any) -> list[str] | None:
    """The key of each finding, or None if the content has another form."""
    findings = content.get("findings") if isinstance(content, dict) else None
    if not isinstance(findings, list):
        return None
    keys = [each.get("key") if isinstance(each, dict) else None for each in findings]
    texts = [key for key in keys if isinstance(key, str)]
    return texts if len(texts) == len(keys) else None
