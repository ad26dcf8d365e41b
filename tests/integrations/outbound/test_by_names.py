"""What follows from names of headers is worked out once, and never fills the memory."""

from __future__ import annotations

from integrations.outbound import by_names
from integrations.outbound.by_names import KEPT, LONGEST_BYTES


def counted():
    """Return a function kept by names, and the names that it was really asked for."""
    asked = []

    @by_names.by_names
    def work(names, other):
        asked.append(names)
        return len(names), other

    return work, asked


def test_the_same_names_are_worked_out_once():
    work, asked = counted()
    assert [work((b"a", b"b"), "x") for _ in range(3)] == [(2, "x")] * 3
    assert work((b"a", b"b"), "y") == (2, "y")
    assert len(asked) == 2


def test_names_that_are_too_long_are_not_kept():
    work, asked = counted()
    names = (b"n" * (LONGEST_BYTES + 1),)
    assert work(names, "x") == work(names, "x")
    assert len(asked) == 2


def test_ever_new_names_push_the_old_ones_out():
    work, asked = counted()
    for number in range(KEPT + 1):
        work((b"%d" % number,), "x")
    assert work((b"0",), "x") == (1, "x")
    assert len(asked) == KEPT + 2


class Pushing:
    """An argument that has everything pushed out between two looks at what is kept, as another thread may."""

    def __init__(self, work):
        self.work, self.looks = work, 0

    def __hash__(self):
        self.looks += 1
        if self.looks == 4:
            for number in range(KEPT + 1):
                self.work((b"other-%d" % number,), "x")
        return 7

    def __eq__(self, other):
        return self is other


def test_what_another_thread_pushes_out_meanwhile_is_worked_out_again():
    work, _ = counted()
    other = Pushing(work)
    for _ in range(3):
        assert work((b"a",), other) == (1, other)
