"""The browser of a user agent, in words that its owner knows: "Firefox on Windows"."""

#: Parts of user agents, and the usual names. The first match wins, because most browsers also name
#: others.
BROWSERS = (("Edg", "Edge"), ("OPR/", "Opera"), ("SamsungBrowser/", "Samsung Internet"),
            ("Firefox/", "Firefox"), ("FxiOS/", "Firefox"), ("CriOS/", "Chrome"),
            ("Chrome/", "Chrome"), ("Safari/", "Safari"))  # fmt: skip
SYSTEMS = (("iPhone", "iPhone"), ("iPad", "iPad"), ("Android", "Android"), ("Windows", "Windows"),
           ("Mac OS X", "macOS"), ("Linux", "Linux"))  # fmt: skip

#: The name of a program that is not a browser: "curl".
LONGEST = 40


def browser_name(user_agent: str) -> str:
    """The browser and the system; for other programs, the name that they give first."""
    browser, system = (
        next((name for mark, name in known if mark in user_agent), "")
        for known in (BROWSERS, SYSTEMS)
    )
    if not browser:
        browser = user_agent.partition("/")[0].strip()[:LONGEST]
    return f"{browser} on {system}" if browser and system else browser or "unknown"
