"""`make screenshots`: see `tests.browser.pictures`."""

import django

from veza_site.environment import read_file


def main() -> None:
    """Take all pictures."""
    read_file()
    django.setup()
    # Later than that, since it imports models. Processes that it forks import this module first,
    # and have settings of their own.
    from tests.browser.pictures import take_all

    take_all()


if __name__ == "__main__":
    main()
