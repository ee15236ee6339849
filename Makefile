# flashlive: `make demo` shows it, `make test` checks it. Both install what they need into .venv.

PYTHON ?= python3
export PYTHON
# the tests mostly wait for real time to pass
WORKERS ?= $(shell $(PYTHON) -c 'import os; print(max(4, os.cpu_count() or 1))')
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
EXAMPLES := examples

.PHONY: demo test check bench system clean

demo: $(STAMP)
	$(BIN)/flashlive talk --sim --scenario $(EXAMPLES)/order-status.toml \
	    --input $(EXAMPLES)/where-is-my-order.wav --tools $(EXAMPLES)/tools.py --output demo.wav
	@echo "The answer is in demo.wav; play it with any player."

test: check
	@sh .ci/system tests
	@$(BIN)/pytest -n $(WORKERS) --dist loadgroup || { [ $$? = 1 ] && echo "what failed, once more and alone:" && \
	    $(BIN)/pytest --last-failed --last-failed-no-failures none; }

check: $(STAMP)
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy

bench: $(STAMP)
	$(BIN)/python benchmarks/startup.py
	$(BIN)/python benchmarks/codec.py
	$(BIN)/python benchmarks/tools.py
	$(BIN)/python benchmarks/panel.py
	$(BIN)/python benchmarks/video.py
	$(BIN)/python benchmarks/sim_load.py
	$(BIN)/python benchmarks/scenarios.py
	$(BIN)/python benchmarks/echo.py --minutes 2
	$(BIN)/python benchmarks/live_sound.py --clicks
	$(BIN)/python benchmarks/against.py

# Debian as root: what Python wheels do not bring. Elsewhere it says what is missing.
system:
	@sh .ci/system

$(STAMP): pyproject.toml flashlive_cli/__init__.py .ci/system | system
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	    { echo "flashlive needs Python 3.11 or newer; try: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --only-binary :all: \
	    --editable '.[dev]'
	@touch $@

clean:
	rm -rf $(VENV) demo.wav .mypy_cache .ruff_cache .pytest_cache .hypothesis
