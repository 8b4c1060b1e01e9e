"""Numbers with what they count."""

import pytest

from veza_core.counted import counted


@pytest.mark.parametrize(
    ("number", "words", "told"),
    [
        (0, ("row",), "0 rows"),
        (1, ("row",), "1 row"),
        (1000, ("row",), "1,000 rows"),
        (1, ("row was", "rows were"), "1 row was"),
        (2, ("index", "indexes"), "2 indexes"),
    ],
)
def test_a_noun_agrees_with_its_number(number, words, told):
    assert counted(number, *words) == told
