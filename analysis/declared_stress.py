"""The records of the page Sensitivity that put noise, faults and gaps into rows."""

from __future__ import annotations

from modelglass.analysis.declared_breaks import CONSTRAINTS
from modelglass.analysis.registry import Analysis, Setting
from modelglass.analysis.usual_settings import AGAINST_REST, LEVEL, METRIC, NEW_FIT

FEATURES = Setting(name="features", kind="features", label="Columns", help="Empty: every column.")


def _rows(default: int, fewest: int = 50) -> Setting:
    return Setting(
        name="rows", kind="integer", default=default, low=50, high=1_000_000, fewest=fewest, label="Rows used"
    )


_STRENGTH = Setting(
    name="strength",
    kind="number",
    default=0.1,
    low=0.001,
    high=100.0,
    step=0.01,
    label="Noise",
    help="Normal noise of so many of each column's spreads, on all columns at once.",
)
_DRAWS = Setting(
    name="draws",
    kind="integer",
    default=8,
    low=2,
    high=1_000,
    label="Draws of noise",
    help="How often each row is made noisy.",
)


ANALYSES: list[Analysis] = [
    Analysis(
        name="fragile_rows",
        title="Which rows break first",
        question="Which rows' answers change with small errors of the inputs, and what marks these rows?",
        page="sensitivity",
        compute="modelglass.analysis.fragile_rows:fragile_rows",
        find="modelglass.analysis.fragile_rows_find:find",
        cost="seconds",
        order=11,
        settings=(
            _STRENGTH,
            Setting(
                name="share",
                kind="number",
                default=0.1,
                low=0.01,
                high=0.9,
                step=0.01,
                label="Share called most fragile",
            ),
            _DRAWS,
            _rows(2_000),
            CONSTRAINTS,
            LEVEL,
        ),
    ),
    Analysis(
        name="robust_threshold",
        title="A steadier threshold",
        question="Would another threshold make more decisions right and steady under small errors of the inputs?",
        page="sensitivity",
        compute="modelglass.analysis.robust_threshold:robust_threshold",
        tasks=frozenset({"binary"}),
        cost="seconds",
        order=11,
        settings=(_STRENGTH, _DRAWS, _rows(2_000, 200), CONSTRAINTS, LEVEL),
    ),
    Analysis(
        name="input_faults",
        title="Faults in the inputs",
        question="What do wrong units, typing errors, rounding, swapped columns or a wrong clock do, and what would a check catch?",
        page="sensitivity",
        compute="modelglass.analysis.input_faults:input_faults",
        cost="seconds",
        order=12,
        settings=(FEATURES, METRIC, _rows(2_000), CONSTRAINTS, AGAINST_REST, LEVEL),
    ),
    Analysis(
        name="missing_robustness",
        title="Missing values",
        question="What does the model say where a value does not come, and would a usual value in its place mend it?",
        page="sensitivity",
        compute="modelglass.analysis.missing_robustness:missing_robustness",
        cost="seconds",
        order=14,
        settings=(
            FEATURES,
            METRIC,
            Setting(
                name="blocks",
                kind="text",
                label="Missing together",
                help='Such as "a + b; c + d"; empty: columns that are missing together in the data, and those that belong together.',
            ),
            Setting(name="code", kind="number", default=-999.0, low=-1e12, high=1e12, label="Code for missing"),
            _rows(2_000),
            AGAINST_REST,
            LEVEL,
        ),
    ),
    Analysis(
        name="beyond_range",
        title="Beyond the range",
        question="What does the model say for values beyond all it has seen: does it stay, level off, jump or run away?",
        page="sensitivity",
        compute="modelglass.analysis.beyond_range:beyond_range",
        cost="seconds",
        order=16,
        reads_threshold="never",
        settings=(FEATURES, _rows(300), AGAINST_REST, LEVEL),
    ),
    Analysis(
        name="same_answers",
        title="Handed over in another way",
        question="Does a row get the same answer in another order, alone, with other types or levels in another order?",
        page="sensitivity",
        compute="modelglass.analysis.same_answers:same_answers",
        cost="seconds",
        order=18,
        settings=(_rows(1_000),),
    ),
    Analysis(
        name="sobol_indices",
        title="Shares of the variance",
        question="If columns varied independently, how much of the answer's variance would each explain, alone and with others?",
        page="sensitivity",
        compute="modelglass.analysis.sobol_indices:sobol_indices",
        cost="seconds",
        order=30,
        reads_threshold="never",
        settings=(
            FEATURES,
            Setting(
                name="points",
                kind="integer",
                default=2_048,
                low=256,
                high=1_000_000,
                fewest=256,
                label="Points",
                help="The model is asked about (columns + 2) times as many rows.",
            ),
            AGAINST_REST,
            LEVEL,
        ),
    ),
    Analysis(
        name="steadier_fit",
        title="Fitted with errors in training",
        question="Fitted with small errors in training, too, would the same kind of model be steadier, and what would that cost?",
        page="sensitivity",
        compute="modelglass.analysis.steadier_fit:steadier_fit",
        cost="minutes",
        order=22,
        report=False,  # two fits
        needs="train",
        settings=(
            FEATURES,
            Setting(
                name="noise",
                kind="number",
                default=0.1,
                low=0.0,
                high=100.0,
                step=0.01,
                label="Noise in training",
                help="Normal noise of so many of each column's spreads; the chance that a level is another one.",
            ),
            Setting(
                name="missing",
                kind="number",
                default=0.0,
                low=0.0,
                high=1.0,
                step=0.05,
                label="Share left out",
                help="Of the values of each column, in the rows that are added.",
            ),
            Setting(name="copies", kind="integer", default=1, low=1, high=100, label="Copies of each training row"),
            CONSTRAINTS,
            *NEW_FIT,
            LEVEL,
        ),
    ),
    Analysis(
        name="conformal",
        title="Sure or not",
        question="How sure is each prediction: do sets and intervals made on one half hold the outcome in the other, in every slice?",
        page="sensitivity",
        compute="modelglass.analysis.conformal:conformal",
        order=8,
        settings=(
            Setting(
                name="by",
                kind="column",
                label="By slice",
                help="A column: coverage in each of its levels.",
                empty="none",
            ),
            Setting(name="coverage", kind="number", default=0.9, low=0.5, high=0.999, step=0.01, label="Share to hold"),
            LEVEL,
        ),
    ),
]
