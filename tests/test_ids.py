"""Ids of rows: made by whoever makes the row, and in the order of their making."""

from itertools import pairwise

from core.models.fields import new_id


def test_ids_are_in_the_order_of_their_making_also_within_a_millisecond():
    made = [new_id() for _ in range(2_000)]
    assert len(set(made)) == len(made)
    assert all(one.version == 7 for one in made)
    # Two may fall into one quarter of a microsecond; a row takes longer.
    assert sum(later < earlier for earlier, later in pairwise(made)) < 20
