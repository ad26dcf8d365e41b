"""What scripts say themselves is in the table of words.js."""

import re

from tools.messages import ROOT

CALL = re.compile(r"""\bwords\(\s*(?:seconds > 0 \? )?["`]([^"`]*)["`](?: : [`"]([^`"]*)[`"])?""")
SAID_BARE = re.compile(r"""(?:textContent = |say\(|detail: )["`][^"`]""")
ENTRY = re.compile(r'^  "([^"]+)": "([^"]+)",$', re.MULTILINE)
SCRIPTS = [path for path in sorted((ROOT / "static" / "js").glob("*.js")) if path.name != "words.js"]


def entries():
    return dict(ENTRY.findall((ROOT / "static" / "js" / "words.js").read_text("utf-8")))


def said():
    for path in SCRIPTS:
        for found in CALL.findall(path.read_text("utf-8")):
            for text in filter(None, found):
                for word in ("min", "h", "days") if "${word}" in text else ("",):
                    yield text.replace("${word}", word)


def test_every_text_of_a_script_has_its_german():
    assert len(set(said())) >= 12
    assert set(said()) <= set(entries())


def test_no_text_is_left_over_and_the_slots_agree():
    texts = entries()
    assert set(texts) - set(said()) <= {
        "Copied.",
        "The browser did not allow copying. Select the text and press Ctrl C.",
    }
    assert all(english.count("{n}") == german.count("{n}") for english, german in texts.items())


def test_no_script_says_a_text_past_the_table():
    for path in SCRIPTS:
        bare = SAID_BARE.findall(path.read_text("utf-8"))
        assert not bare or path.name == "copy.js", f"{path.name}: {bare}"
