"""The one door to torch: outputs of a module's hidden layers, and how its answer moves with them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from modelglass.analysis.errors import MissingPackage, NotApplicable

INSTALL = "pip install 'modelglass[torch]'"
_ACTIVATIONS = frozenset(
    [
        "ReLU",
        "ReLU6",
        "LeakyReLU",
        "PReLU",
        "RReLU",
        "ELU",
        "SELU",
        "CELU",
        "GELU",
        "SiLU",
        "Mish",
        "Tanh",
        "Sigmoid",
        "Softplus",
        "Softsign",
        "Hardswish",
        "Hardtanh",
        "Hardsigmoid",
    ]
)
_PASSED = frozenset(["Dropout", "AlphaDropout", "Flatten", "Identity", "Softmax", "LogSoftmax", "Sigmoid"])
"""Kinds of layers that are no layer of their own at the end of a module."""


def is_module(thing: Any) -> bool:
    """Tell whether something is a torch module, without importing torch."""
    return any(cls.__module__.startswith("torch.nn.") and cls.__name__ == "Module" for cls in type(thing).__mro__)


def module_of(estimator: Any) -> Any | None:
    """Give the torch module that an estimator is or holds (``module_`` or ``module``); None where there is none."""
    held = (estimator, getattr(estimator, "module_", None), getattr(estimator, "module", None))
    return next((m for m in held if is_module(m)), None)


def _torch() -> Any:
    try:
        import torch
    except ImportError as error:
        raise MissingPackage("torch", "Reading the layers of a torch module", INSTALL) from error
    return torch


class TorchModel:
    """A torch module as a model of raw numeric columns, so that it can be evaluated.

    Parameters
    ----------
    module : torch.nn.Module
        Gives for float32 (n, p) one logit (two classes) or value a row, (n,) or (n, 1), or one logit a class, (n, k).
    features : sequence of str
        Columns it reads, in order.
    classes : sequence of labels, optional
        Of a classifier, in the order of its logits; without it the module predicts a number.
    """

    def __init__(self, module: Any, features: Sequence[str], classes: Sequence[Any] | None = None):
        _torch()
        self.module, self.feature_names_in_ = module, np.array(list(features), dtype=object)
        self.n_features_in_ = len(self.feature_names_in_)
        if classes is not None:
            self.classes_ = np.array(list(classes))
            self.predict_proba = self._proba

    def _raw(self, X: Any) -> np.ndarray:
        return outputs(self.module, np.asarray(X, dtype=np.float32))

    def _proba(self, X: Any) -> np.ndarray:
        raw = self._raw(X)
        raw = np.column_stack([np.zeros(len(raw)), raw]) if raw.shape[1] == 1 else raw
        grown = np.exp(raw - raw.max(axis=1, keepdims=True))
        return grown / grown.sum(axis=1, keepdims=True)

    def predict(self, X: Any) -> np.ndarray:
        """Predict labels or values, shape (n,)."""
        return self.classes_[self._proba(X).argmax(axis=1)] if hasattr(self, "classes_") else self._raw(X)[:, 0]


@contextmanager
def _evaluating(module: Any) -> Iterator[None]:
    """Let a module answer as it does once trained, without dropout say; it is left as it was."""
    was = module.training
    module.eval()
    try:
        yield
    finally:
        module.train(was)


def _fed(numbers: np.ndarray) -> Any:
    return _torch().as_tensor(np.ascontiguousarray(numbers, dtype=np.float32))


def _flat(found: Any, n: int) -> np.ndarray:
    """Give a tensor of n rows as float64 (n, k); more dimensions are laid side by side."""
    return np.asarray(found.detach().cpu().numpy(), dtype=float).reshape(n, -1)


def outputs(module: Any, numbers: np.ndarray) -> np.ndarray:
    """Give the module's output for float32 rows (n, p), as float64 (n, k)."""
    with _torch().no_grad(), _evaluating(module):
        return _flat(module(_fed(numbers)), len(numbers))


def input_gradient(module: Any, numbers: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Give the module's output (n, k) for float32 rows (n, p), and the gradient (n, p) by them of its sum with weights (k,), as float64."""
    torch, n = _torch(), len(numbers)
    with torch.enable_grad(), _evaluating(module):
        given = _fed(numbers).requires_grad_(True)
        found = module(given).reshape(n, -1)
        (slope,) = torch.autograd.grad(_weighed(found, weights), [given])
    return _flat(found, n), _flat(slope, n)


def _weighed(found: Any, weights: np.ndarray) -> Any:
    """Give the sum over rows of outputs (n, k) times weights (k,)."""
    return (found * _torch().as_tensor(weights, dtype=found.dtype)).sum()


def layer_names(module: Any) -> list[str]:
    """Name the hidden layers: activations; where there are none, every layer that holds weights but the last."""
    leaves = [(name, m) for name, m in module.named_modules() if name and not list(m.children())]
    while leaves and type(leaves[-1][1]).__name__ in _PASSED:
        leaves = leaves[:-1]
    before = leaves[:-1]
    found = [name for name, m in before if type(m).__name__ in _ACTIVATIONS]
    return found or [name for name, m in before if any(True for _ in m.parameters(recurse=False))]


def hidden(module: Any, numbers: np.ndarray, layers: Sequence[str]) -> dict[str, np.ndarray]:
    """Give what each layer puts out for rows (n, p): float64 (n, units); more dimensions are laid side by side."""
    kept = _run(module, numbers, layers, gradient=None)
    return {name: values for name, (values, _) in kept.items()}


def gradients(
    module: Any, numbers: np.ndarray, layers: Sequence[str], weights: Callable[[int], np.ndarray]
) -> dict[str, np.ndarray]:  # fmt: skip
    """Give the gradient of a sum of the outputs (its weights by their number) by each layer's output, (n, units)."""
    kept = _run(module, numbers, layers, gradient=weights)
    return {name: slope for name, (_, slope) in kept.items()}


def _run(
    module: Any, numbers: np.ndarray, layers: Sequence[str], gradient: Callable[[int], np.ndarray] | None
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    torch = _torch()
    parts: dict[str, Any] = dict(module.named_modules())
    kept: dict[str, Any] = {}
    handles = [parts[name].register_forward_hook(_keeper(kept, name)) for name in layers]
    try:
        with torch.enable_grad(), _evaluating(module):
            found = module(_fed(numbers).requires_grad_(True)).reshape(len(numbers), -1)
            missing = [name for name in layers if name not in kept]
            if missing:
                raise NotApplicable(f"the module does not pass through its layer {missing[0]} once it is asked")
            slopes = [torch.zeros_like(kept[name]) for name in layers]
            if gradient is not None:
                total = _weighed(found, gradient(found.shape[1]))
                own = torch.autograd.grad(total, [kept[name] for name in layers], allow_unused=True)
                slopes = [z if g is None else g for g, z in zip(own, slopes, strict=True)]
    finally:
        for handle in handles:
            handle.remove()
    n = len(numbers)
    return {name: (_flat(kept[name], n), _flat(g, n)) for name, g in zip(layers, slopes, strict=True)}


def _keeper(kept: dict[str, Any], name: str) -> Callable[[Any, Any, Any], None]:
    def keep(_module: Any, _given: Any, found: Any) -> None:
        kept[name] = found

    return keep
