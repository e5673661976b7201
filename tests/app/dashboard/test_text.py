import pytest

from modelglass.app.dashboard.text import file_name, interval, number, plain


@pytest.mark.parametrize(
    "hostile",
    ["$a$", ":red[x]", ":material/home:", "[x](javascript:alert(1))", "<b>x</b>", "*x*", "# x", "a\n\n# b", "`x`"],
)
def test_nothing_special_survives_unescaped(hostile):
    shown = plain(hostile)
    assert "\n" not in shown
    for place, sign in enumerate(shown):
        if sign in "$:[]()<>*#`":
            assert shown[place - 1] == "\\"
    assert shown.replace("\\", "") == " ".join(hostile.split())


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.12345, "0.123"),
        (12.3456, "12.35"),
        (123.456, "123.5"),
        (123456.7, "123,457"),
        (float("nan"), "cannot say"),
        (None, "cannot say"),
        (-0.5, "-0.500"),
    ],
)
def test_numbers_for_cards(value, shown):
    assert number(value) == shown


def test_an_interval_without_ends_says_so():
    assert interval(float("nan"), 1.0) == "no interval"


def test_file_names_are_harmless():
    assert file_name("../../etc/passwd") == "etc-passwd"
    assert file_name("???") == "table"


@pytest.mark.parametrize("sign", ["<->", "->", "<-", "--", ">=", "<=", "~="])
def test_signs_that_streamlit_would_print_otherwise_are_cut_apart(sign):
    for text in (f"a {sign} b", sign, f"{sign} b", f"a {sign}"):
        shown = plain(text)
        assert ":small[]" in shown
        assert shown.replace(":small[]", "").replace("\\", "") == text
    assert plain(f"a{sign}b").replace("\\", "") == f"a{sign}b"
