"""The certificate of the site that the browser visits: one for all servers of this process."""

from base64 import b64encode
from functools import cache
from hashlib import sha256

import trustme
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509 import load_pem_x509_certificate


@cache
def authority() -> trustme.CA:
    """Who signed the certificate; no machine trusts it."""
    return trustme.CA()


@cache
def certificate() -> trustme.LeafCert:
    """The certificate of localhost."""
    return authority().issue_cert("localhost")


def fingerprint() -> str:
    """The hash of its public key, as Chromium wants it."""
    (pem, *_) = certificate().cert_chain_pems
    key = load_pem_x509_certificate(pem.bytes()).public_key()
    return b64encode(
        sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).digest()
    ).decode()
