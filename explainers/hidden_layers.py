"""Models with hidden layers: what a layer holds for a row, and how the answer moves with it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from modelglass.analysis.errors import NotApplicable, unknown_name
from modelglass.analysis.evaluation import Evaluation
from modelglass.analysis.models import perceptron
from modelglass.analysis.models import torch as torch_adapter
from modelglass.analysis.models.provenance import dense, unwrapped
from modelglass.explainers import rows as shared
from modelglass.explainers.shapley_exact import fed, link_of, oriented


@dataclass(eq=False)
class Network:
    """A model with hidden layers.

    names       of its hidden layers, the first one first
    scale       unit of what is differentiated: the target, or the score before it becomes a probability
    """

    ev: Evaluation
    steps: tuple[Any, ...]
    final: Any
    names: tuple[str, ...]
    kind: str
    scale: str = ""

    def numbers(self, frame: pd.DataFrame) -> np.ndarray:
        """Give raw rows as the network sees them, (n, p)."""
        seen: Any = fed(self.ev, frame)
        for step in self.steps:
            seen = step.transform(seen)
        return np.asarray(dense(seen), dtype=float)

    def outputs(self, numbers: np.ndarray) -> np.ndarray:
        """Give what the network puts out, in our groups, (n, groups)."""
        if self.kind == "torch":
            return self._grouped(torch_adapter.outputs(self.final, numbers))
        return self._grouped(perceptron.forward(self.final, numbers)[-1])

    def hidden(self, numbers: np.ndarray) -> dict[str, np.ndarray]:
        """Give what each layer holds, (n, units) by name."""
        if self.kind == "torch":
            return torch_adapter.hidden(self.final, numbers, self.names)
        return self._chosen(perceptron.forward(self.final, numbers)[1:-1])

    def gradients(self, numbers: np.ndarray, group: int) -> dict[str, np.ndarray]:
        """Give the gradient of the output for a group by each layer's values, (n, units) by name."""
        if self.kind == "torch":
            return torch_adapter.gradients(self.final, numbers, self.names, lambda k: self._weights(k, group))
        values = perceptron.forward(self.final, numbers)
        return self._chosen(perceptron.backward(self.final, values, self._weights(0, group))[1:])

    def _chosen(self, values: list[np.ndarray]) -> dict[str, np.ndarray]:
        return {
            name: v for name, v in zip(perceptron.layer_names(self.final), values, strict=True) if name in self.names
        }

    def _grouped(self, raw: np.ndarray) -> np.ndarray:
        if self.ev.task == "binary" and raw.shape[1] == 2:
            raw = raw[:, [1]] - raw[:, [0]]
        return oriented(self.ev, raw)

    def _weights(self, outputs: int, group: int) -> np.ndarray:
        """Give the weights of the outputs whose sum is the score of a group."""
        k = outputs or self.final.n_outputs_
        out = np.zeros(k)
        if self.ev.task == "binary":
            sign = 1.0 if (self.ev.positive_index or 0) == 1 else -1.0
            if k == 2:
                return sign * np.array([-1.0, 1.0])
            out[0] = sign
            return out
        out[group] = 1.0
        return out


def network_of(ev: Evaluation, layers: Any = None) -> Network:
    """Read a model with hidden layers: a scikit-learn multilayer perceptron, or what holds a torch module (``module_`` or ``module``).

    Raises
    ------
    NotApplicable
        It has none, or what the layers give is not the model's answer.
    InputError
        ``layers`` names none of them.
    """
    shared.need_model(ev)
    final, steps = unwrapped(ev.estimator) if hasattr(ev.estimator, "predict") else (ev.estimator, ())
    module = torch_adapter.module_of(final)
    if module is not None:
        names = torch_adapter.layer_names(module)
        found = Network(ev, steps, module, tuple(names), "torch")
    elif perceptron.is_perceptron(final):
        names = perceptron.layer_names(final)
        found = Network(ev, steps, final, tuple(names), "mlp")
    else:
        raise NotApplicable(
            f"{type(final).__name__} has no hidden layers that are known: a concept is a direction in one; they are read of scikit-learn's "
            "multilayer perceptrons and of torch modules"
        )
    if not names:
        raise NotApplicable(f"no hidden layer was found in {type(final).__name__}")
    if layers not in (None, "", [], ()):
        chosen = [s.strip() for s in layers.split(",")] if isinstance(layers, str) else list(layers)
        for name in chosen:
            if name not in names:
                raise unknown_name("hidden layer", str(name), names)
        found.names = tuple(chosen)
    _check(found)
    return found


def _check(network: Network) -> None:
    ev = network.ev
    few = ev.whole.inputs().iloc[:64]
    try:
        sums = network.outputs(network.numbers(few))
    except (ValueError, TypeError, RuntimeError, KeyError) as error:
        raise NotApplicable(f"its layers cannot be fed ({' '.join(str(error).split())[:160]})") from error
    scale = link_of(ev, sums, shared.output(ev, few))
    if scale is None:
        raise NotApplicable("what its last layer gives is not a known function of the model's answer")
    network.scale = scale
