"""What somebody typed into the search box, and the ways to read it."""

import re
import unicodedata
import uuid
from dataclasses import dataclass
from hashlib import sha256
from ipaddress import ip_address

from veza_core.screens.errors import HelpfulError

#: No searched column is longer.
MAX_TERM_LENGTH = 255

#: Characters without a width, which are copied with text from a mail, a page or an address book,
#: including direction marks.
INVISIBLE = (
    "\u061c\u200b\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\u2066\u2067\u2068\u2069\ufeff"
)

#: A trigram index needs three letters or digits in a row.
THREE_IN_A_ROW = re.compile(r"[^\W_]{3}")

#: The possible forms of a hash: hex, base64, or with its algorithm as a prefix.
HASH = re.compile(r"[\w+/=.:$-]{16,255}", re.ASCII)


#: The beginning of an e-mail address; and a domain, with or without an `@` before it.
ADDRESS = re.compile(r"[^@\s]+(@[^@\s]*)?")
DOMAIN = re.compile(r"@?((?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+[a-z0-9-]+)", re.ASCII)


#: A token, as in docs/services.md: 32 bytes in base64url. Its hash is longer.
TOKEN = re.compile(r"[\w-]{43}", re.ASCII)

#: The beginning of a UUID, with its dashes in their places or without any.
BEGINNING = re.compile(
    r"[0-9a-f]{8,31}|[0-9a-f]{8}-[0-9a-f]{0,4}|[0-9a-f]{8}(-[0-9a-f]{4}){1,3}-[0-9a-f]{0,11}", re.I
)

#: The URL of a page of the admin, and its IDs. These patterns see text of any length, so their time
#: must not grow with its square.
LINK = re.compile(r"/admin/\w+/\w+/", re.I)
UUID_IN = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.I)

#: `Name <mail>`, as mail programs copy it.
NAMED_MAIL = re.compile(r"[^<>]*+<\s*+([^<>\s@]++@[^<>\s@]++)\s*+>[,;.]?")

#: What e-mails, usernames, IDs and addresses look like.
ONE_WORD = re.compile(r"[\w.@+:-]+")

#: As in a sentence: `lena's`.
POSSESSIVE = re.compile(r"([\w.@+-]++)['’]s")

#: `user_id=…`, `E-mail: …`, as logs and tickets have it.
LABELLED = re.compile(r"[a-z][\w -]{0,30}+[:=]\s*+(\S++)", re.I)
#: An address with a port, as in logs; an IPv6 address has brackets.
WITH_PORT = re.compile(r"([0-9.]++|\[[0-9a-f:.]++\]):[0-9]{1,5}", re.I)
MAIL = re.compile(r"[^@\s]++@[^@\s]++")

#: Before the beginning of an ID, or before a domain.
TERM_PREFIX = re.compile(r"#(?=[0-9a-f]{8})|\*(?=@)", re.I)

#: Characters around a value in a sentence, and characters after it.
QUOTES = "\"'“”‘’„«»"
AROUND = f"{QUOTES}<>()[]{INVISIBLE} "
PUNCTUATION = ",;:.!?…"


class BadTermError(HelpfulError):
    """Text that cannot be searched for."""

    title = "This cannot be searched for"


@dataclass(frozen=True, slots=True)
class Term:
    """Text to search for, and its other readings; None if it cannot be read so."""

    text: str
    id: uuid.UUID | None = None
    address: str | None = None
    hash: str | None = None
    #: A part of names and titles. None: too short for the index, or clearly something else.
    part: str | None = None
    #: The beginning of an e-mail address, and the domain of one; in lower case.
    prefix: str | None = None
    domain: str | None = None
    #: The first and the last ID with this beginning.
    ids: tuple[uuid.UUID, uuid.UUID] | None = None

    @property
    def slug(self) -> str:
        """As slugs are stored: in lower case."""
        return self.text.lower()

    @property
    def is_too_short(self) -> bool:
        """Whether it is too short to search for parts of names."""
        return THREE_IN_A_ROW.search(self.text) is None


def without_wrapping(text: str) -> str:
    """The text without what a mail, a sentence, a log or an address bar had around it.

    `Name <mail>`, `mailto:`, quotes and the dot of a sentence; from a text with an ID, the ID; from
    a URL of this site, the row's ID.
    """
    if (link := LINK.search(text)) and (ids := UUID_IN.findall(text, link.start())):
        return str(ids[0])
    if len(named := {*UUID_IN.findall(text)}) == 1:
        return str(named.pop())
    bare = _bare(mail[1] if (mail := NAMED_MAIL.fullmatch(text)) else _without_port(text))
    if bare.lower().startswith("mailto:"):
        bare = bare[len("mailto:") :].partition("?")[0]
    elif _address(bare) is None and (labelled := LABELLED.fullmatch(bare)):
        value = _without_port(_bare(labelled[1]))
        bare = value if _address(value) or MAIL.fullmatch(value) else bare
    bare = _without_port(bare)
    bare = bare[1:] if TERM_PREFIX.match(bare) else bare
    if owner := POSSESSIVE.fullmatch(bare):
        bare = owner[1]
    if bare.startswith("@") and _domain(bare) is None:
        bare = bare.lstrip("@")
    if ONE_WORD.fullmatch(bare):
        return bare
    # All else is a title, with all its characters.
    is_quoted = len(text) > 2 and text[0] in QUOTES and text[-1] in QUOTES
    return text[1:-1] if is_quoted else text


def _bare(text: str) -> str:
    return text.strip(AROUND).rstrip(PUNCTUATION).strip(AROUND)


def _without_port(text: str) -> str:
    found = WITH_PORT.fullmatch(text)
    return found[1].strip("[]") if found and _address(found[1].strip("[]")) else text


def read(typed: str) -> Term:
    """Read what was typed. Raises `BadTermError` if it is empty, too long, or not a text."""
    text = " ".join(typed.split()).strip(INVISIBLE).strip()
    text = without_wrapping(text)
    if not text:
        raise BadTermError("The search box was empty: type a name, or paste an ID.")
    if len(text) > MAX_TERM_LENGTH:
        raise BadTermError(
            f"Search for at most {MAX_TERM_LENGTH} characters; this has {len(text):,}."
        )
    if any(unicodedata.category(character) in ("Cc", "Cs", "Cn") for character in text):
        raise BadTermError("This contains control characters. Copy it again.")
    id_, address = _id(text), _address(text)
    ids = _ids(text) if id_ is None else None
    named = id_ is None and address is None and THREE_IN_A_ROW.search(text) is not None
    # Without its dashes, a UUID looks like an MD5 hash; with them, it is unmistakable.
    hashed = HASH.fullmatch(text) is not None and (id_ is None or "-" not in text)
    return Term(
        text,
        id_,
        address,
        _hash(text) if hashed else None,
        text if named else None,
        text.lower() if named and ADDRESS.fullmatch(text) else None,
        _domain(text) if address is None else None,
        ids,
    )


def _hash(text: str) -> str:
    """The hash itself, or the hash of a token as its owner has it: see docs/services.md,
    "Tokens".
    """
    return sha256(text.encode()).hexdigest() if TOKEN.fullmatch(text) else text


def _ids(text: str) -> tuple[uuid.UUID, uuid.UUID] | None:
    """The first and the last ID with this beginning: eight digits, as lists show them, or more."""
    if BEGINNING.fullmatch(text) is None:
        return None
    digits = text.replace("-", "").lower()
    return uuid.UUID(digits.ljust(32, "0")), uuid.UUID(digits.ljust(32, "f"))


def _domain(text: str) -> str | None:
    found = DOMAIN.fullmatch(text.lower())
    return found and found[1]


def _id(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None


def _address(text: str) -> str | None:
    # Python accepts a zone (fe80::1%eth0), PostgreSQL's inet does not.
    if "%" in text:
        return None
    try:
        return str(ip_address(text))
    except ValueError:
        return None
