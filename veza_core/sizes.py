"""Numbers of bytes, for people."""


def size(count: int) -> str:
    """Bytes as "9.5 MB": powers of 1000, as in the International System of Units."""
    amount = float(count)
    for unit in ("bytes", "kB", "MB", "GB", "TB"):
        if amount < 1000:
            return f"{amount:.0f} {unit}" if unit == "bytes" else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:,.1f} PB"
