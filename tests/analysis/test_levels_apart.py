"""Levels that never stand together: found where the data tell, kept by every search, edited as other rules are."""

import json

import numpy as np
import pandas as pd
import pytest
import yaml

from modelglass.analysis.adversarial import adversarial
from modelglass.analysis.augmented import augmented
from modelglass.analysis.constraints import constraints
from modelglass.analysis.errors import InputError
from modelglass.analysis.evaluation import Evaluation
from modelglass.analysis.missing_robustness import found_blocks
from modelglass.analysis.noise_robustness import noisy
from modelglass.analysis.possible import Space
from modelglass.analysis.result import result_json
from modelglass.explainers.counterfactuals import counterfactuals
from modelglass.explainers.what_if import what_if

MARRIED = [("married", "husband", "male"), ("married", "wife", "female")]
ALONE = [(m, r, s) for m in ("single", "widowed") for r in ("child", "alone") for s in ("male", "female")]
NEVER = {
    "marital": {"married": ("alone", "child"), "single": ("husband", "wife"), "widowed": ("husband", "wife")},
    "sex": {"husband": ("female",), "wife": ("male",)},
}
"""Levels of marital with those of relation that no row has, and of relation with those of sex."""


def people(n=2_000, seed=0):
    rng = np.random.default_rng(seed)
    kinds = np.array(MARRIED * 3 + ALONE, dtype=object)[rng.integers(0, 6 + len(ALONE), n)]
    frame = pd.DataFrame(kinds, columns=["marital", "relation", "sex"])
    return frame.assign(pay=rng.normal(size=n).round(2), job=rng.choice(list("pqr"), n))


class Rule:
    """A model that says yes where a rule says so."""

    classes_ = np.array(["no", "yes"], dtype=object)

    def __init__(self, says):
        self.says = says

    def predict(self, X):
        return np.where(self.says(X), "yes", "no").astype(object)


def evaluation(says=lambda X: X.pay > 0, frame=None, **more):
    frame = people() if frame is None else frame
    came = np.where(np.arange(len(frame)) % 2, "yes", "no")
    return Evaluation(Rule(says), frame.assign(y=came), target="y", **more)


@pytest.fixture(scope="module")
def ev():
    return evaluation()


@pytest.fixture(scope="module")
def rules(ev):
    return constraints(ev)


def tables(rules):
    return {t.columns: {a: set(v) for a, v in t.table.items()} for t in rules.together if t.kind == "apart"}


def test_what_no_row_holds_is_found(rules):
    assert tables(rules) == {
        ("marital", "relation"): {a: set(v) for a, v in NEVER["marital"].items()},
        ("relation", "sex"): {a: set(v) for a, v in NEVER["sex"].items()},
    }
    assert len(rules.together) == 2
    assert "Levels that stay apart: marital and relation: never married with alone" in rules.sentence()
    why = rules.frame().set_index("column").why
    assert why["sex"] == "relation and sex: never husband with female, wife with male"
    assert (
        why["marital"]
        == "marital and relation: never married with alone, married with child, single with husband and 3 more pairs"
    )
    assert why["job"] == ""


@pytest.mark.parametrize("told", [True, False])
def test_fifty_rows_must_be_expected(told):
    """Of 400 rows 200 hold x and 100 p: by chance 200 x 100 / 400 = 50 would hold both; with 99 it is 49.5."""
    b = ["q"] * 100 + ["r"] * 100 + ["p"] * (100 if told else 99) + ["q"] * (50 if told else 51) + ["r"] * 50
    X = pd.DataFrame({"a": ["x"] * 200 + ["y"] * 200, "b": b})
    got = constraints(evaluation(lambda X: X.b == "q", X)).together
    assert [(t.kind, t.columns, dict(t.table)) for t in got] == ([("apart", ("a", "b"), {"x": ("p",)})] if told else [])


def test_rows_of_one_cluster_count_once():
    """Each of 40 people stands there 50 times: what no row holds says little."""
    many = people(40).loc[np.repeat(np.arange(40), 50)].reset_index(drop=True).assign(who=np.repeat(np.arange(40), 50))
    inputs = list(people(1))
    for cluster, told in ((None, True), ("who", False)):
        ev = evaluation(lambda X: X.pay > 0, many, features=inputs, cluster=cluster)
        assert bool(constraints(ev).together) == told
    few = evaluation(lambda X: X.pay > 0, people().assign(who=np.arange(2_000)), features=inputs, cluster="who")
    assert len(constraints(few).together) == 2
    train = people(seed=1).assign(who=np.arange(2_000) % 40)  # 40 people
    held = people(60, seed=2).assign(who=np.arange(60) + 9_000)
    assert not constraints(evaluation(lambda X: X.pay > 0, held, features=inputs, cluster="who", train=train)).together
    train["who"] = np.arange(2_000)
    got = constraints(evaluation(lambda X: X.pay > 0, held, features=inputs, cluster="who", train=train))
    assert len(got.together) == 2


def test_missing_values_are_no_level_and_training_rows_count():
    frame = people()
    frame.loc[::3, "sex"] = None
    assert len(tables(constraints(evaluation(frame=frame)))) == 2
    train = people(seed=7)
    train.loc[0, ["relation", "sex"]] = ["wife", "male"]
    got = tables(constraints(evaluation(frame=frame, train=train)))
    assert got["relation", "sex"] == {"husband": {"female"}}


def test_chance_leaves_out_nothing():
    rng = np.random.default_rng(3)
    for n in (300, 3_000):
        frame = pd.DataFrame({c: rng.choice(list("abcdefgh"), n, p=rng.dirichlet(np.ones(8))) for c in "klmnop"})
        assert not constraints(evaluation(lambda X: X.k == "a", frame)).together


def test_each_row_is_judged(ev, rules):
    before = ev.inputs()[:6]
    after = before.assign(marital="married", relation="wife", sex=["male", "female"] * 3)
    got = rules.violations(after, before)
    assert got.values.tolist() == [[i, "sex", "not male where relation is wife"] for i in (0, 2, 4)]
    after = before.assign(marital="married", relation=["alone", "child"] * 3)
    got = rules.violations(after)
    assert sorted(set(got.rule)) == ["not alone where marital is married", "not child where marital is married"]
    assert rules.violations(ev.inputs()).empty
    assert rules.violations(after.assign(relation=None)).empty


def test_possible_rows_are_those_that_the_validator_passes(ev, rules):
    rng, frame = np.random.default_rng(0), ev.inputs()
    places = rng.integers(0, len(frame), 4_000)
    space = Space(rules, frame)
    X = space.project(
        places,
        space.X[rng.integers(0, len(frame), 4_000)] * 0
        + np.column_stack(
            [
                rng.integers(0, 3, 4_000),
                rng.integers(0, 4, 4_000),
                rng.integers(0, 2, 4_000),
                rng.normal(size=4_000),
                rng.integers(0, 3, 4_000),
            ]
        ),
    )
    good = space.possible(places, X)
    broken = np.isin(np.arange(4_000), rules.violations(space.rows(places, X)).place)
    np.testing.assert_array_equal(good, ~broken)
    assert 0.2 < good.mean() < 0.8


def test_a_row_that_is_so_already_is_left_alone(ev, rules):
    frame = ev.inputs()[:2].assign(marital="married", relation="child", sex="male")
    space = Space(rules, frame)
    X = space.X.copy()
    X[:, space.place("pay")] += 0.5
    assert space.possible(np.arange(2), space.project(np.arange(2), X)).all()
    X[:, space.place("sex")] = space.levels[space.place("sex")].index("female")
    assert space.possible(np.arange(2), X).all()
    X[:, space.place("marital")] = space.levels[space.place("marital")].index("single")
    assert space.possible(np.arange(2), X).all()
    X[:, space.place("relation")] = space.levels[space.place("relation")].index("wife")
    assert not space.possible(np.arange(2), X).any()


def test_searches_find_no_change_that_no_row_could_be():
    """Yes only where a wife is male, which no row is: within the constraints every answer holds; without the rule one column suffices."""
    ev = evaluation(lambda X: (X.relation == "wife") & (X.sex == "male"))
    got = adversarial(ev, rows=60, rounds=2)
    assert not np.isfinite(got.rows.cost).any()
    assert "robust within the constraints" in got.sentence()
    free = adversarial(ev, rows=60, rounds=2, constraints={"inferred": False}).rows
    assert (free.cost[ev.inputs().loc[free.row, "sex"].to_numpy() == "male"] == 1).all()
    man = int(np.flatnonzero(ev.inputs().sex == "male")[0])
    assert not len(counterfactuals(ev, row=man).ways)
    assert len(counterfactuals(ev, row=man, constraints={"inferred": False}).ways)


def test_searches_change_what_must_change_together():
    """Yes where somebody is married: that takes another relation (and now and then another sex), all of them possible rows."""
    ev = evaluation(lambda X: X.marital == "married")
    rules = constraints(ev)
    got = adversarial(ev, rows=100, rounds=2, seed=0)
    assert np.isfinite(got.rows.cost).all()
    assert got.rows.cost.tolist() == [2.0] * 100
    after = ev.inputs().copy()
    for row, column, value in got.changes[["row", "column", "after"]].itertuples(index=False):
        after.loc[row, column] = value
    assert rules.violations(after, ev.inputs()).empty
    ways = counterfactuals(ev, row=3, seed=0)
    for _, way in ways.changes.groupby("way"):
        one = ev.inputs().loc[[3]]
        assert rules.violations(one.assign(**dict(zip(way.column, way.after, strict=True))), one).empty


def test_noise_keeps_levels_apart_and_moves_the_rest(ev, rules):
    frame = ev.inputs()
    space = Space(rules, frame)
    wanted = {c: frame[c].sample(frac=1.0, random_state=i).set_axis(frame.index) for i, c in enumerate(frame)}
    columns, moved = noisy(space, wanted)
    after = frame.assign(**columns)
    assert rules.violations(after, frame).empty
    np.testing.assert_array_equal(moved, (after != frame).any(axis=1))
    np.testing.assert_array_equal(after.job, wanted["job"])  # what has no part in it moves as it did
    np.testing.assert_array_equal(after.pay, wanted["pay"])
    assert (after.relation != frame.relation).mean() > 0.1
    clash = rules.violations(frame.assign(relation=wanted["relation"])).place.unique()
    alone = noisy(space, {"relation": wanted["relation"]})[0]["relation"]
    np.testing.assert_array_equal(alone, wanted["relation"].mask(np.isin(np.arange(len(frame)), clash), frame.relation))
    came = np.where(np.arange(2_000) % 2, "yes", "no")
    trained = evaluation(train=people(seed=3).assign(y=came))
    made = augmented(trained, noise=1.0, copies=1)
    assert constraints(trained).violations(made[list(frame)]).empty


def test_noise_that_levels_which_follow_refuse_leaves_the_other_columns_noisy():
    """The country follows from the city and stays as it is: another city is refused, but not the noise on pay."""
    rng = np.random.default_rng(0)
    city = rng.choice(["rome", "milan", "paris", "lyon", "bonn"], 900)
    frame = pd.DataFrame(
        {"city": city, "country": [{"r": "it", "m": "it", "p": "fr", "l": "fr"}.get(c[0], "de") for c in city]}
    )
    frame["speaks"] = [
        rng.choice(["english", {"it": "italian", "fr": "french"}.get(c, "german")]) for c in frame.country
    ]
    frame["pay"] = rng.normal(size=900).round(2)
    X = evaluation(frame=frame).inputs()
    for given, most in ((None, 1.0), ({"columns": {"country": {"immutable": True}}}, 0.0)):
        rules = constraints(evaluation(frame=frame), given=given)
        assert ("country", "speaks") in tables(rules)
        wanted = {c: pd.Series(rng.permutation(X[c].to_numpy()), X.index) for c in X}
        columns, _ = noisy(Space(rules, X), wanted)
        after = X.assign(**columns)
        assert rules.violations(after, X).empty
        assert (after.pay != X.pay).mean() > 0.95
        assert (after.country != X.country).mean() <= most
        assert 0 < (after.city != X.city).mean() < 0.8


def test_columns_whose_levels_stay_apart_are_no_block_of_missing_ones(ev):
    assert found_blocks(ev) == []


def test_what_if_says_that_no_row_could_be_so(ev):
    got = what_if(ev, changes="relation = husband")
    frame = ev.inputs()
    wrong = (frame.sex == "female") | (frame.marital != "married")
    assert got.impossible == wrong.sum()
    assert got.reason in {
        "sex: not female where relation is husband",
        *(f"relation: not husband where marital is {m}" for m in ("single", "widowed")),
    }


def test_a_person_edits_them(ev, rules):
    assert (
        constraints(ev, given=yaml.safe_dump(rules.as_given()))
        .frame()
        .drop(columns="why")
        .equals(rules.frame().drop(columns="why"))
    )
    assert tables(rules.changed(yaml.safe_dump(rules.as_given()))) == tables(rules)
    assert not rules.changed({"inferred": False}).together
    fewer = rules.changed("together:\n  - {apart: [sex, relation], never: {female: [husband]}}")
    assert tables(fewer) == {
        ("marital", "relation"): tables(rules)["marital", "relation"],
        ("sex", "relation"): {"female": {"husband"}},
    }
    rare = people(30)
    unseen = constraints(evaluation(frame=rare)).changed("together:\n  - {apart: [marital, job]}")
    pairs = set(zip(rare.marital, rare.job, strict=True))
    wanted = {(m, j) for m in set(rare.marital) for j in set(rare.job)} - pairs
    assert {(a, b) for t in unseen.together for a, b in t.pairs()} == wanted
    assert constraints(evaluation(frame=people(40))).together == ()


def test_keys_of_yaml_are_the_levels_that_they_spell():
    """Keys are read as texts: of a column of yes-or-no, or of numbers, they are its levels all the same."""
    rng = np.random.default_rng(0)
    flag, word = rng.random(1_500) < 0.5, rng.choice(["yes", "no"], 1_500)
    frame = pd.DataFrame({"flag": flag, "word": word, "pay": rng.normal(size=1_500)})
    frame["code"] = np.where(flag, rng.choice([1, 2], 1_500), rng.choice([2, 3], 1_500))
    frame["mark"] = np.where(word == "yes", rng.choice(["on", "mid"], 1_500), rng.choice(["off", "mid"], 1_500))
    rules = constraints(evaluation(frame=frame, types={"code": "categorical"}))
    assert tables(rules) == {
        ("flag", "code"): {False: {1}, True: {3}},
        ("word", "mark"): {"yes": {"off"}, "no": {"on"}},
    }
    assert tables(rules.changed(yaml.safe_dump(rules.as_given()))) == tables(rules)
    again = rules.changed(
        "together: [{apart: [code, flag], never: {1: [False]}}, {apart: [word, mark], never: {no: [on]}}]"
    )
    assert tables(again) == {("code", "flag"): {1: {False}}, ("word", "mark"): {"no": {"on"}}}


def test_json_holds_every_pair(rules):
    """The table names three pairs and the number of the others."""
    told = json.loads(json.dumps(result_json("constraints", rules)))
    assert tables(rules.changed(told["rules"])) == tables(rules)
    assert told["rules"]["together"][0]["never"] == {a: list(v) for a, v in NEVER["marital"].items()}


@pytest.mark.parametrize("none", ["{}", "{husband: []}"])
def test_levels_that_the_data_keep_apart_are_let_together_by_a_person(rules, none):
    let = rules.changed(f"together: [{{apart: [sex, relation], never: {none.replace('husband', 'male')}}}]")
    assert tables(let) == {("marital", "relation"): tables(rules)["marital", "relation"]}
    assert "sex" not in let.sentence()


def test_what_a_person_says_is_not_told_as_what_the_rows_show(rules):
    said = rules.changed("together: [{apart: [relation, sex], never: {husband: [male]}}]").sentence()
    assert "relation and sex: never husband with male" in said
    assert "no row" not in said


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("together: [{apart: [relation, pay]}]", "Expected columns of levels under apart"),
        ("together: [{apart: [relation]}]", "at least two different columns"),
        ("together: [{apart: [relation, sex, job]}]", "Got 3: relation, sex, job"),
        ("together: [{apart: [relation, sex], never: [wife]}]", "Write never: {alone: [female]}"),
        ("together: [{apart: [relation, sex], never: {wif: [male]}}]", "Did you mean 'wife'"),
        ("together: [{apart: [relation, sex], never: {wife: male}}]", "Expected a list as levels of 'sex'"),
        ("together: [{apart: [relation, sex], equals: 1}]", "Expected under apart beside it never"),
        ("together: [{apart: [relation, nobody]}]", "nobody"),
        (
            "columns: {relation: {levels: [wife]}, sex: {levels: [male]}}",
            "These contradict each other: relation and sex: never husband with female, wife with male (on all rows of the data), and no others are allowed",
        ),
        (
            "columns: {relation: {levels: [wife]}, sex: {levels: [male]}}",
            "or write {apart: [relation, sex], never: {}} to let them stand together",
        ),
    ],
)
def test_what_cannot_be_is_said(rules, given, said):
    with pytest.raises(InputError) as error:
        rules.changed(given)
    assert said in str(error.value)
