"""The one reviewed list: what a skops file may hold without anybody having to vouch for it.

A name is trusted **in one role only**, that of the skops node it was reviewed for. skops itself keeps one flat list, so that a
name trusted as data could also be called as a constructor with arguments from the file; here it cannot.

What is never on the list, on purpose: ``scipy.stats`` distributions (their ``__setstate__`` runs ``exec``), KD and ball trees and
``DistanceMetric`` objects (raw indices; they are rebuilt from the data instead, see skops_file.py), bound methods, operators,
constructors called with arguments, ``functools.partial`` of anything but ``check_array``, callables that open files or import names,
clusterers, manifold learners and matrix factorisations (compiled code with raw indices, and they do not predict an outcome), and native XGBoost
and LightGBM boosters inside a skops file (a compiled parser that trusts its input; load their own .json or .txt format, which is checked).
"""

from __future__ import annotations

from collections.abc import Mapping

from modelglass.analysis.errors import InputError, listed


def _names(module: str, names: str) -> list[str]:
    return [f"{module}.{name}" for name in names.split()]


def _reasons(*groups: tuple[str, list[str]]) -> dict[str, str]:
    return {name: why for why, names in groups for name in names}


_ARRAYS = "predicts with numpy on its fitted arrays, and numpy checks bounds and shapes"
_TRANSFORMS = "transforms with numpy on its fitted arrays, and numpy checks bounds and shapes"
_META = "hands rows to other estimators of the file, each of which is on this list"
_CHECKED = "compiled code follows its indices, so safety.py checks them before the first prediction"
_SETTINGS = "holds settings of fitting; nothing of it runs when predicting"
_LOSS = "a loss without state beyond a few numbers; predicting uses its link function only"
_METRIC = "a pure function of arrays, used to choose a model; opens, imports and calls nothing from the file"
_UFUNC = "a numpy function from array to array; nothing but numbers comes of it"

_OBJECTS = _reasons(
    # Trees. Node indices, features, thresholds, leaf values, shapes: all checked.
    (
        _CHECKED,
        _names(
            "sklearn.tree._classes",
            "DecisionTreeClassifier DecisionTreeRegressor ExtraTreeClassifier ExtraTreeRegressor",
        ),
    ),
    (
        _CHECKED,
        _names(
            "sklearn.ensemble._forest",
            "RandomForestClassifier RandomForestRegressor ExtraTreesClassifier ExtraTreesRegressor",
        ),
    ),
    (_CHECKED, _names("sklearn.ensemble._gb", "GradientBoostingClassifier GradientBoostingRegressor")),
    (
        _CHECKED,
        _names(
            "sklearn.ensemble._hist_gradient_boosting.gradient_boosting",
            "HistGradientBoostingClassifier HistGradientBoostingRegressor",
        ),
    ),
    (
        _CHECKED,
        [
            "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
            "sklearn.ensemble._hist_gradient_boosting.binning._BinMapper",
        ],
    ),
    # Other compiled consumers of stored indices.
    (_CHECKED, _names("sklearn.svm._classes", "SVC NuSVC SVR NuSVR")),
    (_CHECKED, _names("sklearn.neighbors._classification", "KNeighborsClassifier RadiusNeighborsClassifier")),
    (_CHECKED, _names("sklearn.neighbors._regression", "KNeighborsRegressor RadiusNeighborsRegressor")),
    (
        _CHECKED,
        _names("sklearn.feature_extraction.text", "CountVectorizer TfidfVectorizer HashingVectorizer"),
    ),
    (
        _CHECKED,
        [
            "sklearn.preprocessing._encoders.OneHotEncoder",
            "sklearn.preprocessing._polynomial.SplineTransformer",
            *_names("scipy.interpolate._bsplines", "BSpline _BSpline"),
            "sklearn.feature_extraction._dict_vectorizer.DictVectorizer",
            "sklearn.feature_extraction._hash.FeatureHasher",
        ],
    ),
    # Predictors in plain numpy.
    (_ARRAYS, _names("sklearn.linear_model._base", "LinearRegression")),
    (_ARRAYS, _names("sklearn.linear_model._bayes", "ARDRegression BayesianRidge")),
    (
        _ARRAYS,
        _names(
            "sklearn.linear_model._coordinate_descent",
            "ElasticNet ElasticNetCV Lasso LassoCV MultiTaskElasticNet MultiTaskElasticNetCV MultiTaskLasso MultiTaskLassoCV",
        ),
    ),
    (_ARRAYS, _names("sklearn.linear_model._glm.glm", "GammaRegressor PoissonRegressor TweedieRegressor")),
    (_ARRAYS, _names("sklearn.linear_model._least_angle", "Lars LarsCV LassoLars LassoLarsCV LassoLarsIC")),
    (_ARRAYS, _names("sklearn.linear_model._logistic", "LogisticRegression LogisticRegressionCV")),
    (_ARRAYS, _names("sklearn.linear_model._omp", "OrthogonalMatchingPursuit OrthogonalMatchingPursuitCV")),
    (
        _ARRAYS,
        _names(
            "sklearn.linear_model._passive_aggressive",
            "PassiveAggressiveClassifier PassiveAggressiveRegressor",
        ),
    ),
    (_ARRAYS, _names("sklearn.linear_model._ridge", "Ridge RidgeCV RidgeClassifier RidgeClassifierCV")),
    (_ARRAYS, _names("sklearn.linear_model._stochastic_gradient", "SGDClassifier SGDRegressor")),
    (
        _ARRAYS,
        [
            "sklearn.linear_model._huber.HuberRegressor",
            "sklearn.linear_model._perceptron.Perceptron",
            "sklearn.linear_model._quantile.QuantileRegressor",
            "sklearn.linear_model._ransac.RANSACRegressor",
            "sklearn.linear_model._theil_sen.TheilSenRegressor",
            "sklearn.kernel_ridge.KernelRidge",
            "sklearn.isotonic.IsotonicRegression",
            "sklearn.neighbors._nearest_centroid.NearestCentroid",
        ],
    ),
    (_ARRAYS, _names("sklearn.svm._classes", "LinearSVC LinearSVR")),
    (
        _ARRAYS,
        _names("sklearn.naive_bayes", "BernoulliNB CategoricalNB ComplementNB GaussianNB MultinomialNB"),
    ),
    (
        _ARRAYS,
        _names("sklearn.discriminant_analysis", "LinearDiscriminantAnalysis QuadraticDiscriminantAnalysis"),
    ),
    (_ARRAYS, _names("sklearn.neural_network._multilayer_perceptron", "MLPClassifier MLPRegressor")),
    (_ARRAYS, _names("sklearn.cross_decomposition._pls", "CCA PLSCanonical PLSRegression")),
    (_ARRAYS, _names("sklearn.dummy", "DummyClassifier DummyRegressor")),
    (
        _ARRAYS,
        [
            "sklearn.gaussian_process._gpc.GaussianProcessClassifier",
            "sklearn.gaussian_process._gpr.GaussianProcessRegressor",
            "sklearn.gaussian_process._gpc._BinaryGaussianProcessClassifierLaplace",
            "sklearn.multiclass._ConstantPredictor",
        ],
    ),
    (
        _ARRAYS,
        _names(
            "sklearn.gaussian_process.kernels",
            "RBF Matern RationalQuadratic ExpSineSquared DotProduct WhiteKernel ConstantKernel Sum Product Exponentiation",
        ),
    ),
    (_ARRAYS, _names("sklearn.calibration", "_CalibratedClassifier _SigmoidCalibration _TemperatureScaling")),
    # Estimators that ask other estimators.
    (
        _META,
        [
            "sklearn.calibration.CalibratedClassifierCV",
            "sklearn.compose._column_transformer.ColumnTransformer",
            "sklearn.compose._target.TransformedTargetRegressor",
            "sklearn.frozen._frozen.FrozenEstimator",
            "sklearn.semi_supervised._self_training.SelfTrainingClassifier",
        ],
    ),
    (_META, _names("sklearn.pipeline", "Pipeline FeatureUnion")),
    (_META, _names("sklearn.ensemble._bagging", "BaggingClassifier BaggingRegressor")),
    (_META, _names("sklearn.ensemble._weight_boosting", "AdaBoostClassifier AdaBoostRegressor")),
    (_META, _names("sklearn.ensemble._stacking", "StackingClassifier StackingRegressor")),
    (_META, _names("sklearn.ensemble._voting", "VotingClassifier VotingRegressor")),
    (_META, _names("sklearn.model_selection._search", "GridSearchCV RandomizedSearchCV")),
    (
        _META,
        _names("sklearn.model_selection._search_successive_halving", "HalvingGridSearchCV HalvingRandomSearchCV"),
    ),
    (
        _META,
        _names(
            "sklearn.model_selection._classification_threshold",
            "FixedThresholdClassifier TunedThresholdClassifierCV",
        ),
    ),
    (_META, _names("sklearn.multiclass", "OneVsRestClassifier OneVsOneClassifier OutputCodeClassifier")),
    (
        _META,
        _names("sklearn.multioutput", "ClassifierChain RegressorChain MultiOutputClassifier MultiOutputRegressor"),
    ),
    # Transformers.
    (_TRANSFORMS, _names("sklearn.impute._base", "SimpleImputer MissingIndicator")),
    (_TRANSFORMS, ["sklearn.impute._knn.KNNImputer", "sklearn.impute._iterative.IterativeImputer"]),
    (
        _TRANSFORMS,
        _names(
            "sklearn.preprocessing._data",
            "Binarizer KernelCenterer MaxAbsScaler MinMaxScaler Normalizer PowerTransformer QuantileTransformer "
            "RobustScaler StandardScaler",
        ),
    ),
    (_TRANSFORMS, _names("sklearn.preprocessing._label", "LabelBinarizer LabelEncoder MultiLabelBinarizer")),
    (
        _TRANSFORMS,
        [
            "sklearn.preprocessing._discretization.KBinsDiscretizer",
            "sklearn.preprocessing._encoders.OrdinalEncoder",
            "sklearn.preprocessing._polynomial.PolynomialFeatures",
            "sklearn.preprocessing._target_encoder.TargetEncoder",
            "sklearn.feature_extraction.text.TfidfTransformer",
        ],
    ),
    (
        "calls a function of the file, and functions are trusted by exact name only",
        ["sklearn.preprocessing._function_transformer.FunctionTransformer"],
    ),
    (_TRANSFORMS, _names("sklearn.decomposition._pca", "PCA")),
    (
        _TRANSFORMS,
        [
            "sklearn.decomposition._incremental_pca.IncrementalPCA",
            "sklearn.decomposition._truncated_svd.TruncatedSVD",
            "sklearn.decomposition._fastica.FastICA",
            "sklearn.decomposition._factor_analysis.FactorAnalysis",
            "sklearn.decomposition._kernel_pca.KernelPCA",
        ],
    ),
    (
        _TRANSFORMS,
        _names("sklearn.kernel_approximation", "AdditiveChi2Sampler Nystroem RBFSampler SkewedChi2Sampler"),
    ),
    (_TRANSFORMS, _names("sklearn.random_projection", "GaussianRandomProjection SparseRandomProjection")),
    (
        _TRANSFORMS,
        _names(
            "sklearn.feature_selection._univariate_selection",
            "GenericUnivariateSelect SelectFdr SelectFpr SelectFwe SelectKBest SelectPercentile",
        ),
    ),
    (_TRANSFORMS, _names("sklearn.feature_selection._rfe", "RFE RFECV")),
    (
        _TRANSFORMS,
        [
            "sklearn.feature_selection._from_model.SelectFromModel",
            "sklearn.feature_selection._variance_threshold.VarianceThreshold",
            "sklearn.feature_selection._sequential.SequentialFeatureSelector",
        ],
    ),
    (
        "chooses columns by type or name pattern; holds two lists and a pattern",
        ["sklearn.compose._column_transformer.make_column_selector"],
    ),
    ("a list of column names or numbers", ["sklearn.compose._column_transformer._RemainderColsList"]),
    # Losses and links.
    (
        _LOSS,
        _names("sklearn._loss.link", "HalfLogitLink IdentityLink Interval LogLink LogitLink MultinomialLogit"),
    ),
    (
        _LOSS,
        _names(
            "sklearn._loss.loss",
            "AbsoluteError ExponentialLoss HalfBinomialLoss HalfGammaLoss HalfMultinomialLoss HalfPoissonLoss HalfSquaredError "
            "HalfTweedieLoss HalfTweedieLossIdentity HuberLoss PinballLoss",
        ),
    ),
    # Left over from fitting.
    (_SETTINGS, _names("sklearn.neural_network._stochastic_optimizers", "AdamOptimizer SGDOptimizer")),
    (
        _SETTINGS,
        _names("sklearn.metrics._scorer", "_Scorer _CurveScorer _MultimetricScorer _PassthroughScorer"),
    ),
    (
        _SETTINGS,
        _names(
            "sklearn.model_selection._split",
            "GroupKFold GroupShuffleSplit KFold LeaveOneGroupOut LeaveOneOut LeavePGroupsOut LeavePOut PredefinedSplit "
            "RepeatedKFold RepeatedStratifiedKFold ShuffleSplit StratifiedGroupKFold StratifiedKFold StratifiedShuffleSplit "
            "TimeSeriesSplit _CVIterableWrapper",
        ),
    ),
    (_SETTINGS, _names("sklearn.utils._metadata_requests", "MetadataRequest MethodMetadataRequest")),
)

_TYPES = _reasons(
    (
        "a type of plain values, named as a column type or used to rebuild the keys of a dictionary",
        _names("builtins", "bool float int object str")
        + _names(
            "numpy",
            "bool bool_ bytes_ datetime64 float16 float32 float64 int16 int32 int64 int8 longdouble longlong number object_ str_ "
            "timedelta64 uint16 uint32 uint64 uint8 ulonglong floating integer generic",
        ),
    ),
)

_ELEMENTWISE = (
    "absolute arccos arccosh arcsin arcsinh arctan arctan2 arctanh cbrt ceil cos cosh deg2rad degrees exp exp2 expm1 fabs floor "
    "isfinite isinf isnan log log10 log1p log2 logical_not maximum minimum negative positive rad2deg radians reciprocal rint sign "
    "sin sinh sqrt square tan tanh trunc"
)
_FUNCTIONS = _reasons(
    (
        _UFUNC,
        [
            name
            for module in ("numpy", "numpy.core._multiarray_umath", "numpy._core._multiarray_umath")
            for name in _names(module, _ELEMENTWISE)
        ],
    ),
    (
        _UFUNC,
        [
            name
            for module in ("scipy.special._ufuncs", "scipy.special._special_ufuncs")
            for name in _names(module, "cbrt erf exp10 exp2 expit expm1 gammaln log1p logit log_expit ndtr")
        ],
    ),
    (_UFUNC, ["scipy._lib.array_api_compat.numpy._aliases.asarray"]),
    (
        _METRIC,
        _names(
            "sklearn.feature_selection._univariate_selection",
            "chi2 f_classif f_oneway f_regression r_regression",
        ),
    ),
    (_METRIC, _names("sklearn.feature_selection._mutual_info", "mutual_info_classif mutual_info_regression")),
    (
        _METRIC,
        _names(
            "sklearn.metrics._classification",
            "accuracy_score balanced_accuracy_score brier_score_loss cohen_kappa_score d2_brier_score d2_log_loss_score f1_score "
            "fbeta_score hamming_loss jaccard_score log_loss matthews_corrcoef precision_score recall_score zero_one_loss",
        ),
    ),
    (
        _METRIC,
        _names(
            "sklearn.metrics._ranking",
            "average_precision_score ndcg_score roc_auc_score top_k_accuracy_score",
        ),
    ),
    (
        _METRIC,
        _names(
            "sklearn.metrics._regression",
            "d2_absolute_error_score d2_pinball_score explained_variance_score max_error mean_absolute_error "
            "mean_absolute_percentage_error mean_gamma_deviance mean_pinball_loss mean_poisson_deviance mean_squared_error "
            "mean_squared_log_error mean_tweedie_deviance median_absolute_error r2_score root_mean_squared_error "
            "root_mean_squared_log_error",
        ),
    ),
    (
        "checks the shape and type of an array (HistGradientBoosting keeps it in its preprocessor)",
        ["sklearn.utils.validation.check_array"],
    ),
)

_CY_LOSSES = _reasons(
    (
        _LOSS,
        [
            *_names(
                "sklearn.linear_model._sgd_fast",
                "EpsilonInsensitive Hinge Huber Log ModifiedHuber SquaredEpsilonInsensitive SquaredHinge SquaredLoss",
            ),
            *_names(
                "sklearn._loss._loss",
                "CyAbsoluteError CyExponentialLoss CyHalfBinomialLoss CyHalfGammaLoss CyHalfMultinomialLoss CyHalfPoissonLoss "
                "CyHalfSquaredError CyHalfTweedieLoss CyHalfTweedieLossIdentity CyHuberLoss CyPinballLoss",
            ),
        ],
    )
)

_SPARSE = {
    f"scipy.sparse._{fmt}.{fmt}_{kind}": "a sparse array; safety.py checks all its indices"
    for fmt in ("csr", "csc", "coo")
    for kind in ("matrix", "array")
}

REVIEWED: Mapping[str, Mapping[str, str]] = {
    "ObjectNode": _OBJECTS,
    "TreeNode": {"sklearn.tree._tree.Tree": _CHECKED},
    "TypeNode": _TYPES,
    "FunctionNode": _FUNCTIONS,
    "LossNode": _CY_LOSSES,
    "SparseMatrixNode": _SPARSE,
    "DictNode": {
        "builtins.dict": "a dictionary",
        "collections.OrderedDict": "a dictionary",
        "sklearn.utils._bunch.Bunch": "a dictionary whose keys are attributes too",
    },
    "DefaultDictNode": {"collections.defaultdict": "a dictionary; its factory is audited as well"},
    "ListNode": {"builtins.list": "a list"},
    "SetNode": {"builtins.set": "a set", "builtins.frozenset": "a set"},
    "TupleNode": {
        "builtins.tuple": "a tuple",
        "sklearn.impute._iterative._ImputerTriplet": "a named tuple: two lists of columns and an estimator",
    },
    "SliceNode": {"builtins.slice": "three numbers"},
    "BytesNode": {"builtins.bytes": "bytes"},
    "BytearrayNode": {"builtins.bytearray": "bytes"},
    "JsonNode": {"builtins.str": "text, numbers, true, false and null"},
    "NdArrayNode": {
        "numpy.ndarray": "an array, read without pickle",
        **{name: "one number or text" for name in _TYPES if name.startswith("numpy.")},
    },
    "MaskedArrayNode": {
        "numpy.ma.MaskedArray": "an array and its mask",
        "numpy.ma.core.MaskedArray": "an array and its mask",
    },
    "DTypeNode": {"numpy.dtype": "the type of an empty array"},
    "RandomStateNode": {"numpy.random.mtrand.RandomState": "a random state; safety.py checks its position"},
    "RandomGeneratorNode": {"numpy.random._generator.Generator": "a random generator; safety.py checks its position"},
    "PartialNode": {"functools.partial": "allowed around sklearn.utils.validation.check_array only"},
}
"""skops node -> qualified name -> why it is safe in that role."""

PARTIAL_OF = frozenset({"sklearn.utils.validation.check_array"})


def reviewed(loader: str, name: str) -> bool:
    """Say whether a name is on the list in this role."""
    return name in REVIEWED.get(loader, {})


def untrusted(file: str, names: list[str]) -> InputError:
    """Build the error that names each type nobody vouched for and the flag that would allow it."""
    flags = " ".join(f"--trust-type {name}" for name in names[:4]) + (" ..." if len(names) > 4 else "")
    what = "a type" if len(names) == 1 else f"{len(names)} types"
    return InputError(
        "Expected a skops file of types that are reviewed as safe to load.",
        f"{file} holds {what} outside that list: {listed(names, 4)}.",
        f"If you trust whoever made the file, allow it: {flags} (in Python: trust_types=[...]).",
    )
