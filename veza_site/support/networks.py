"""The networks that attempts are counted for, because one client often has many addresses."""

from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

#: The prefixes of IPv6 that one customer has: usually at least a /64, and at most a /48 (RFC 6177;
#: RFC 4291, 2.5.4).
HOME, SITE = 64, 48

#: Prefixes under which all IPv4 clients connect to a server with IPv6 only (RFC 6052, 2.1; RFC
#: 7755).
TRANSLATED = IPv6Network("64:ff9b::/96")


def networks_of(address: str | None) -> list[str]:
    """The networks of an address, the smallest first; empty for none.

    An IPv4 address is a network by itself, also inside IPv6 (`::ffff:192.0.2.7`; a translator, 6to4
    and Teredo contain the client's IPv4 address). For IPv6, it is the /64, then the /48.
    """
    if address is None:
        return []
    known = ip_address(address)
    if isinstance(known, IPv6Address):
        known = _carried(known) or known
    if isinstance(known, IPv4Address):
        return [f"{known}/32"]
    return [str(IPv6Network((known.packed, bits), strict=False)) for bits in (HOME, SITE)]


def _carried(address: IPv6Address) -> IPv4Address | None:
    """The client's IPv4 address inside an IPv6 address."""
    if address.ipv4_mapped:
        return address.ipv4_mapped
    if address in TRANSLATED:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    if address.sixtofour:
        return address.sixtofour
    return address.teredo[1] if address.teredo else None
