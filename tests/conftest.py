"""What all tests share."""

import pytest


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers",
        "proves(*sentences): the sentences of docs/schema.md that this test proves; "
        "tests/schema/test_document.py sees to it that none is left without a test",
    )
