"""The second factor: an authenticator, enrolled once, and recovery codes for its loss.

django-otp stores both, and accepts no code twice; `veza_site.support.attempts` counts wrong codes.
Without SECRET_KEY, what the database stores is useless: see `keyed`.
"""

import re
import secrets
from base64 import b32encode

import segno
from django.db import transaction
from django.db.models import F
from django.utils.safestring import SafeString, mark_safe
from django_otp import login, verify_token
from django_otp.models import Device
from django_otp.plugins.otp_static.models import StaticDevice, StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice

from veza_core.access import StaffRequest
from veza_core.models import User
from veza_site.support import keyed, sessions

RECOVERY_CODES = 10
#: 128 bits for each code (ASVS 5.0, 11.5.1). Nobody can try so many, so a fast digest is enough
#: (6.5.2).
RECOVERY_OCTETS = 16

#: In the session: the device that is being enrolled. A new session gets a new secret, so that
#: nobody who saw another session's secret can wait for its confirmation.
ENROLLING = "enrolling_device"


def is_enrolled(user: User) -> bool:
    """Whether the user has a confirmed authenticator."""
    return TOTPDevice.objects.filter(user=user, confirmed=True).exists()


def begin_enrolment(request: StaffRequest, user: User) -> TOTPDevice:
    """The session's unconfirmed authenticator, created if there is none."""
    device = TOTPDevice.objects.filter(
        pk=request.session.get(ENROLLING), user=user, confirmed=False
    ).first()
    if device is None:
        device = TOTPDevice.objects.create(
            user=user, name="authenticator", confirmed=False, key=keyed.new_authenticator_key()
        )
        request.session[ENROLLING] = device.pk
    # Otherwise the label would read the account again, with all columns.
    device.user = user
    return device


def confirm_enrolment(request: StaffRequest, user: User, code: str) -> list[str]:
    """Confirm the session's authenticator with a code; return an empty list if the code is wrong.

    Returns the recovery codes, to be shown once: they cannot be read again. If two sessions enrol
    at the same time, the first one wins.
    """
    with transaction.atomic():
        User.objects.select_for_update().only("pk").get(pk=user.pk)
        device = begin_enrolment(request, user)
        if is_enrolled(user) or not verify_token(user, device.persistent_id, normalize(code)):
            return []
        TOTPDevice.objects.filter(pk=device.pk).update(confirmed=True)
        TOTPDevice.objects.filter(user=user, confirmed=False).delete()
        codes = _new_recovery_codes(user)
    del request.session[ENROLLING]
    _sign_in(request, device)
    return codes


def verify(request: StaffRequest, user: User, code: str) -> Device | None:
    """Pass the second factor with a code of the authenticator, or with a recovery code.

    Returns the device that accepted it. The session gets a new key.
    """
    code = normalize(code)
    device = device_for(user, code)
    if device is None:
        return None
    if isinstance(device, StaticDevice):
        stored = list(StaticToken.objects.filter(device=device).values_list("token", flat=True))
        code = keyed.stored_digest(user, code, stored)
    accepted = verify_token(user, device.persistent_id, code)
    if accepted is not None:
        _sign_in(request, accepted)
    return accepted


def device_for(user: User, code: str) -> Device | None:
    """The device for a code: six digits are for the authenticator, all else is a recovery code."""
    if re.fullmatch("[0-9]{6}", normalize(code)):
        return TOTPDevice.objects.filter(user=user, confirmed=True).first()
    return StaticDevice.objects.filter(user=user, confirmed=True).first()


def remaining_codes(user: User) -> int:
    """How many recovery codes are left."""
    return StaticToken.objects.filter(device__user=user).count()


def reset(user: User) -> bool:
    """Remove the authenticator and the recovery codes, and end all sessions of the user.

    The next sign-in enrols again. Returns whether there was anything to remove.
    """
    with transaction.atomic():
        removed = remove(user)
        if removed:
            User.objects.filter(pk=user.pk).update(token_version=F("token_version") + 1)
    return removed


def remove(user: User) -> bool:
    """Remove only the authenticator and the recovery codes; whether there was anything to
    remove.
    """
    removed = TOTPDevice.objects.filter(user=user).delete()[0]
    removed += StaticDevice.objects.filter(user=user).delete()[0]
    return bool(removed)


def qr_code(device: TOTPDevice) -> SafeString:
    """The picture for an authenticator, as SVG without a style, to embed in the page."""
    image = segno.make(device.config_url, error="m")
    svg = image.svg_inline(scale=5, dark="#000", light="#fff", svgclass=None, lineclass=None)
    return mark_safe(svg)  # noqa: S308 - drawn by segno: paths and numbers, no text of a user's


def secret_of(device: TOTPDevice) -> str:
    """The secret to type if the picture cannot be scanned, in groups of four."""
    return _grouped(b32encode(device.bin_key).decode())


def normalize(code: str) -> str:
    """A code without the spaces and dashes that people type."""
    return re.sub(r"[\s-]", "", code).lower()


def _new_recovery_codes(user: User) -> list[str]:
    StaticDevice.objects.filter(user=user).delete()
    device = StaticDevice.objects.create(user=user, name="recovery codes")
    codes = [
        b32encode(secrets.token_bytes(RECOVERY_OCTETS)).decode().rstrip("=").lower()
        for _ in range(RECOVERY_CODES)
    ]
    StaticToken.objects.bulk_create(
        StaticToken(device=device, token=keyed.digest(user, code)) for code in codes
    )
    return [_grouped(code) for code in codes]


def _sign_in(request: StaffRequest, device: Device) -> None:
    login(request, device)
    sessions.second_factor_shown(request.session)
    request.session.cycle_key()


def _grouped(code: str) -> str:
    return " ".join(code[start : start + 4] for start in range(0, len(code), 4))
