# make demo   environment, install, sample model, dashboard at a printed address
# make test   environment with every extra the tests use, whole suite
# make check  for contributors: format, lint, types, tests, doctests

PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
TEST_VENV ?= .venv-test
TEST_BIN = $(TEST_VENV)/bin
PYTEST_ARGS ?=
EXTRAS = test,boosting,onnx
DOCTESTS = modelglass/analysis modelglass/explainers modelglass/app modelglass/sample_models

# Tests start many processes, and each would compile the package anew
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test check clean

$(VENV)/.done: pyproject.toml
	@$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11))" || { echo "modelglass needs Python 3.11 or newer; name one with: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable .
	@touch $@

$(TEST_VENV)/.done: pyproject.toml
	@$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11))" || { echo "modelglass needs Python 3.11 or newer; name one with: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	$(PYTHON) -m venv $(TEST_VENV)
	$(TEST_BIN)/python -m pip install --quiet --upgrade pip
	@if $(TEST_BIN)/python -c "import sys; sys.exit(sys.version_info >= (3, 13))"; then \
	  echo "Installing the world with alibi (its licence forbids production use; it is here for tests)"; \
	  $(TEST_BIN)/python -m pip install --quiet --editable ".[$(EXTRAS),alibi]"; \
	else \
	  echo "Python 3.13: alibi cannot be installed (it needs numpy < 2 and Python < 3.13), so its tests will be skipped"; \
	  $(TEST_BIN)/python -m pip install --quiet --editable ".[$(EXTRAS)]"; \
	fi
	@touch $@

demo: $(VENV)/.done
	$(BIN)/modelglass demo

test: $(TEST_VENV)/.done
	$(TEST_BIN)/python -m pytest -n auto --dist worksteal $(PYTEST_ARGS)

check: $(TEST_VENV)/.done
	$(TEST_BIN)/python -m pip install --quiet --editable ".[dev]"
	$(TEST_BIN)/ruff format --check .
	$(TEST_BIN)/ruff check .
	$(TEST_BIN)/mypy
	$(TEST_BIN)/python -m pytest -q --doctest-modules $(DOCTESTS)
	$(TEST_BIN)/python -m pytest -n auto --dist worksteal $(PYTEST_ARGS)

clean:
	rm -rf $(VENV) $(TEST_VENV) build dist *.egg-info
