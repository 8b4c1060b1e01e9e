"""The names that people use for user agents."""

import pytest

from veza_site.support.session_page import MAX_PROGRAM_LENGTH, browser_name

AS_CHROME = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0"


@pytest.mark.parametrize(
    ("user_agent", "name"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64; rv:132.0) Gecko/20100101 Firefox/132.0",
         "Firefox on Linux"),
        (f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {AS_CHROME} Safari/537.36",
         "Chrome on Windows"),
        (f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {AS_CHROME} Safari/537.36 Edg/130.0.0.0",
         "Edge on Windows"),
        (f"Mozilla/5.0 (Linux; Android 10; K) {AS_CHROME} Mobile Safari/537.36",
         "Chrome on Android"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like"
         " Gecko) Version/18.0 Mobile/15E148 Safari/604.1", "Safari on iPhone"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko)"
         " Version/18.0 Safari/605.1.15", "Safari on macOS"),
        ("curl/8.10.1", "curl"),
        ("", "unknown"),
        ("x" * 255, "x" * MAX_PROGRAM_LENGTH),
    ],
)  # fmt: skip
def test_name(user_agent: str, name: str) -> None:
    assert browser_name(user_agent) == name
