"""Numbers with what they count."""

import pytest

from veza_core.counted import counted, listed


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


@pytest.mark.parametrize(
    ("names", "told"),
    [(["a"], "a"), (["a", "b"], "a, b"), (["a", "b", "c"], "a, b and 1 more"), ([], "")],
)
def test_a_list_ends_early_and_says_so(names, told):
    assert listed(iter(names), 2) == told
