"""Signs that are not seen: written as escapes in messages, tables, pages, figures and reports."""

from __future__ import annotations

import unicodedata

import numpy as np
import pandas as pd
import pytest

import modelglass as mg
from modelglass.analysis import slice_metrics
from modelglass.analysis.errors import InputError, NotApplicable, listed, unknown_name
from modelglass.analysis.figures import figure, style
from modelglass.analysis.odd_signs import LONGEST_NAME, one_line, visible

MARKS = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"


def test_exactly_controls_marks_and_what_cannot_be_written_are_escaped():
    odd = {chr(i) for i in range(0x110000) if visible(chr(i), keep="") != chr(i)}
    by_unicode = {chr(i) for i in range(0x110000) if unicodedata.category(chr(i)) in ("Cc", "Cs", "Zl", "Zp")}
    bidi = {
        chr(i)
        for i in range(0x110000)
        if unicodedata.bidirectional(chr(i)) in ["LRE", "RLE", "PDF", "LRO", "RLO", "LRI", "RLI", "FSI", "PDI"]
    }
    assert odd == by_unicode | bidi | set(MARKS) | {"\ufffe", "\uffff"}


def test_the_escape_is_the_one_that_python_reads_back():
    for sign in [*map(chr, range(0x20)), "\x7f", "\x85", "\x9b", "\u202e", "\u2028", "\ufffe"]:
        assert visible(sign, keep="").encode("ascii").decode("unicode_escape") == sign


def test_words_that_are_joined_from_emoji_or_read_from_right_to_left_stay():
    for text in ("שלום", "👩\u200d👩\u200d👧", "e\u0301", "a\u00a0b", "می\u200cخواهم"):
        assert visible(text, keep="") == text


def test_a_long_name_keeps_its_ends():
    name = "a" * 200 + "b" * 100
    short = one_line(name)
    assert len(short) == LONGEST_NAME
    assert (short[:5], short[-5:]) == ("aaaaa", "bbbbb")
    assert one_line("x" * LONGEST_NAME) == "x" * LONGEST_NAME


def test_each_beat_of_an_error_is_one_line_whatever_the_names_hold():
    names = ["l\ni\nn\ne0", "l\r\ni\x85n\u2028e1", "x" * 300]
    error = unknown_name("column", "zzz\n", names)
    lines = str(error).splitlines()
    assert lines == [
        f"Expected the name of a column: l\\ni\\nn\\ne0, l\\r\\ni\\x85n\\u2028e1, {one_line('x' * 300)}.",
        "Got 'zzz\\n', which is none of them.",
        "Choose one of these.",
    ]
    assert len(str(unknown_name("column", "y" * 300, names)).splitlines()[1]) < 180
    assert str(InputError("a\nb", "c\x1b]0;d\x07", "e\u202e")).splitlines() == ["a\\nb", "c\\x1b]0;d\\x07", "e\\u202e"]
    assert str(NotApplicable("of\nthis")) == "Cannot say, because of\\nthis"
    assert listed(["a\nb", "c"]) == "a\\nb, c"


def test_no_mark_turns_a_label_of_a_figure_round():
    name = "\u202eevil"
    assert style.escape(f"{name} 2.0 to 8.0") == "\\u202eevil 2.0 to 8.0"
    for made in (
        style.short(name),
        *style.short_names([name, name]),
        style.wrapped(f"{name} and more"),
        style.hover(slice=name),
    ):
        assert "\u202e" not in made
        assert "\\u202e" in made
    assert style.short("\u202e" + "a" * 10, 8) == "\\u202ea…"


def test_tables_and_figures_of_hostile_levels_hold_none_of_them():
    rng = np.random.default_rng(0)
    level, name = "\x1b[31mMale\x1b]0;pwn\x07", "\u202epay\x9b"
    frame = pd.DataFrame({"sex": rng.choice([level, "Female"], 300), name: rng.gamma(2, 10, 300)})
    y = (frame[name] > 15).astype(int).to_numpy()
    frame["y"], frame["p"] = y, np.where(rng.random(300) < 0.2, 1 - y, y)
    ev = mg.Evaluation.from_predictions(y, frame.p.to_numpy(), frame=frame[["sex", name]])
    found = slice_metrics(ev, by=["sex", name], metrics="accuracy")
    assert level in set(found.frame()["slice"]), "the numbers keep the names as they are"
    for text in (found.text(), repr(figure(found).to_dict())):
        assert "\\x1b[31mMale" in text
    labels = [str(v) for trace in figure(found).data for v in (trace.y if trace.y is not None else ())]
    assert any("\\u202epay" in v or "\\x1b[31mMale" in v for v in labels)
    for text in (found.text(), *labels):
        assert not set(text) & {"\x1b", "\x07", "\x9b", "\u202e"}
    widths = {len(line) for line in found.text().splitlines()}
    assert len(widths) == 1, "columns of the table stay under their names"


@pytest.mark.parametrize("value", ["\x1b", "\u2066"])
def test_a_page_shows_it_too(value):
    from modelglass.app.dashboard.text import plain

    shown = plain(f"a{value}b")
    assert value not in shown
    assert shown.replace("\\", "") == "a" + visible(value).replace("\\", "") + "b"
