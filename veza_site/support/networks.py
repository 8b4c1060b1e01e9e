"""From which network a request comes, for counting: who holds one address often holds many."""

from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

#: The bits of an IPv6 address that one customer has at least: any address within is theirs
#: (RFC 6177; RFC 4291, 2.5.4). The second is what one customer has at most, commonly.
HOME, SITE = 64, 48

#: Under which all clients with IPv4 come to a server that has none (RFC 6052, 2.1; RFC 7755).
TRANSLATED = IPv6Network("64:ff9b::/96")


def networks_of(address: str | None) -> list[str]:
    """The networks that an address counts for, the smallest first; none for none.

    An IPv4 address is its own, also where IPv6 carries it (`::ffff:192.0.2.7`; a translator,
    6to4 and Teredo name the IPv4 address of who uses them). Of IPv6 it is the /64, then the /48.
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
    """The IPv4 address within, of whoever is at the other end."""
    if address.ipv4_mapped:
        return address.ipv4_mapped
    if address in TRANSLATED:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    if address.sixtofour:
        return address.sixtofour
    return address.teredo[1] if address.teredo else None
