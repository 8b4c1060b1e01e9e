"""What a browser says that it is, in words that its owner knows: "Firefox on Windows"."""

#: What a user agent has, and what people call that; the first that it has, since most name others
#: to be served like these.
BROWSERS = (("Edg", "Edge"), ("OPR/", "Opera"), ("SamsungBrowser/", "Samsung Internet"),
            ("Firefox/", "Firefox"), ("FxiOS/", "Firefox"), ("CriOS/", "Chrome"),
            ("Chrome/", "Chrome"), ("Safari/", "Safari"))  # fmt: skip
SYSTEMS = (("iPhone", "iPhone"), ("iPad", "iPad"), ("Android", "Android"), ("Windows", "Windows"),
           ("Mac OS X", "macOS"), ("Linux", "Linux"))  # fmt: skip

#: Of one that is no browser, its name: "curl".
LONGEST = 40


def browser_name(user_agent: str) -> str:
    """The browser and the system; of what is no browser, what it calls itself first."""
    browser, system = (
        next((name for mark, name in known if mark in user_agent), "")
        for known in (BROWSERS, SYSTEMS)
    )
    if not browser:
        browser = user_agent.partition("/")[0].strip()[:LONGEST]
    return f"{browser} on {system}" if browser and system else browser or "unknown"
