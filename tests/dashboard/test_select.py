"""A list to choose from, drawn without Django's two includes for every option."""

from __future__ import annotations

import pytest
from django import forms
from django.test import SimpleTestCase

from dashboard.forms import PageForm


class Choosing(PageForm):
    """Options with what HTML must not take for its own, and in groups."""

    plain = forms.ChoiceField(choices=[("", "Any"), ("a&b", "<A> & B"), ("7", "Seven")])
    many = forms.MultipleChoiceField(choices=[("Near", [("1", "One"), ("2", "Two")]), ("3", "Three")])


@pytest.mark.parametrize("value", ["", "a&b", "7"])
def test_a_select_says_what_djangos_own_says(value):
    form = Choosing({"plain": value, "many": ["2", "3"]})
    own = Choosing({"plain": value, "many": ["2", "3"]})
    own.renderer = forms.renderers.DjangoTemplates()
    for name in ("plain", "many"):
        SimpleTestCase().assertHTMLEqual(str(form[name]), str(own[name]))
    assert str(form["plain"]).count(" selected") == 1
