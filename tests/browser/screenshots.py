"""`make screenshots`: see `tests.browser.pictures`."""

import django

from veza_site.environment import read_file


def main() -> None:
    """Take all pictures."""
    read_file()
    django.setup()
    # Imported here, because it imports models. Forked processes import this module first, and have
    # their own settings.
    from tests.browser.pictures import take_all

    take_all()


if __name__ == "__main__":
    main()
