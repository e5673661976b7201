"""The command with names and levels that hold anything: nothing of the data reaches the terminal as a command to it."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from modelglass.analysis.errors import InputError
from modelglass.app.inputs import Inputs, crossed_names, names, written
from modelglass.app.telling import redraw, remark
from modelglass.app.workspace import command as command_line

LEVEL = "\x1b[31mMale\x1b]0;pwn\x07"
COMMA, BLANKS, QUOTE, STAR = "comma,star*x", "  spaced  ", 'a "b"', "x*y"
ODD = "\u202eevil\n2"


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("odd")
    rng = np.random.default_rng(0)
    n = 300
    frame = pd.DataFrame({name: rng.choice(["p", "q"], n) for name in (COMMA, BLANKS, QUOTE, STAR, ODD)})
    frame["sex"] = rng.choice([LEVEL, "Female"], n)
    frame["income"] = rng.choice(["no", "yes"], n)
    frame["said"] = np.where(rng.random(n) < 0.2, "no", frame.income)
    frame["w"] = np.where(np.arange(n) < 10, 1e308, 1.0)
    frame.to_csv(folder / "data.csv", index=False)
    return folder


COMMON = ("slices", "-", "data.csv", "--target", "income", "--prediction", "said", "--metrics", "accuracy")


def harmless(text: str) -> bool:
    return all(c == "\n" or (c >= " " and not "\x7f" <= c <= "\x9f" and c not in "\u202e\u2066") for c in text)


def columns_of(out: str) -> list[str]:
    table = json.loads(out)["results"][0]["frame"]
    at = table["columns"].index("columns")
    return list(dict.fromkeys(row[at] for row in table["data"]))[1:]


def test_levels_and_names_cannot_command_the_terminal(command):
    code, out, err = command(*COMMON, "--by", f'sex,"{ODD}"')
    assert code == 0
    assert harmless(out + err)
    assert "\\x1b[31mMale\\x1b]0;pwn\\x07" in out
    assert "\\u202eevil\\n2" in out


def test_json_keeps_them_exactly_and_stays_ascii(command):
    code, out, _ = command(*COMMON, "--by", "sex", "--json")
    assert code == 0
    assert out.isascii()
    assert harmless(out)
    assert LEVEL in {row[1] for row in json.loads(out)["results"][0]["frame"]["data"]}


def test_what_is_typed_or_refused_is_shown_and_no_command_either(command):
    for words in (["--no\x1b]0;such\x07"], ["--threshold", "\x1b]0;1\x07"], ["--by", "\x1b]0;x\x07"]):
        code, out, err = command(*COMMON, *words)
        assert code == 2
        assert "\\x1b]0;" in err, words
        assert harmless(out + err)


def test_an_unknown_name_is_said_in_three_lines(command):
    code, _, err = command(*COMMON[:3], "--target", "zzz", "--quiet")
    assert code == 2
    assert len(err.splitlines()) == 3
    assert "evil\\n2" in err
    assert "Got 'zzz'" in err


def test_progress_and_notes_are_one_line_each(capsys):
    redraw("10% a\r\nb")
    remark("a\nb\x1b")
    assert capsys.readouterr().err == "\r10% a\\r\\nbNote: a\\nb\\x1b\n"


@pytest.mark.parametrize(
    ("by", "got"),
    [
        (f'"{COMMA}"', [COMMA]),
        (f'sex, "{BLANKS}"', ["sex", BLANKS]),
        ('"a ""b"""', [QUOTE]),
        (QUOTE, [QUOTE]),
        (STAR, [STAR]),
        (f'"{COMMA}" * sex,"{STAR}"', [f"{COMMA}*sex", STAR]),
        (f'sex*"{BLANKS}"*"{STAR}"', [f"sex*{BLANKS}*{STAR}"]),
    ],
)
def test_a_name_in_quotes_is_taken_as_it_stands(by, got, command):
    code, out, err = command(*COMMON, "--by", by, "--json")
    assert code == 0, err
    assert columns_of(out) == got
    code, out, err = command(
        "show", "slice_metrics", *COMMON[1:-2], "--set", f"by={by}", "--set", "metrics=accuracy", "--json"
    )
    assert code == 0, err
    assert columns_of(out) == got


def test_ignored_and_searched_columns_can_be_quoted(command):
    code, out, _ = command(*COMMON, "--ignore", f'"{COMMA}", "{BLANKS}",w', "--json")
    assert code == 0
    assert not {COMMA, BLANKS, "w"} & set(columns_of(out))
    assert QUOTE in columns_of(out)
    code, _, err = command(*COMMON, "--find", "--by", f'"{COMMA}",sex', "--quiet")
    assert code == 0, err


@pytest.mark.parametrize("text", ['"a', 'b,"a', '"a"b', '"a" "b"', '"a""', 'a*"b', '"a"*', '"'])
def test_a_quote_that_is_not_closed_is_refused_in_words(text):
    with pytest.raises(InputError, match=r"closing double quote.* for --by") as refused:
        crossed_names(text, "--by")
    assert len(str(refused.value).splitlines()) == 3


def test_only_by_crosses():
    assert names("a*b", "--ignore") == ["a*b"]
    with pytest.raises(InputError, match="closing double quote"):
        names('"a"*b', "--ignore")


@pytest.mark.parametrize("option", ["--by", "--metrics", "--ignore", "--features"])
@pytest.mark.parametrize("text", [",", " , ,", ""])
def test_no_name_at_all_is_refused(option, text, command):
    code, _, err = command(*COMMON, option, text)
    assert code == 2
    assert err.startswith(f"Expected at least one name for {option}.\n")


def test_a_column_cannot_be_crossed_with_itself(command):
    for by in ("sex*sex", '"sex"*sex', f'sex*"{STAR}"*sex'):
        code, _, err = command(*COMMON, "--by", by)
        assert code == 2
        assert "names one of them twice" in err


def test_weights_that_cannot_be_squared_are_refused_without_numpys_warnings(command):
    code, out, err = command(*COMMON, "--weight", "w", "--quiet")
    assert (code, out) == (2, "")
    assert len(err.splitlines()) == 3
    assert "1e+308" in err
    assert "Divide" in err


@pytest.mark.parametrize("name", [COMMA, BLANKS, QUOTE, STAR, '"', '""', "", ",", "a", '"a,b"', "a\nb"])
def test_a_written_name_is_read_back(name):
    assert names(written(name), "--ignore") == [name]
    assert names(f"x,{written(name)},y", "--ignore") == ["x", name, "y"]


def test_the_command_of_a_recent_evaluation_quotes_names():
    import shlex

    given = Inputs(model="-", data="d.csv", target="y", ignore=[COMMA, BLANKS, "z"]).model_dump()
    words = shlex.split(command_line(given))
    assert names(words[words.index("--ignore") + 1], "--ignore") == [COMMA, BLANKS, "z"]
