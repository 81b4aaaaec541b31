# Everything from nothing: Python 3.10 to 3.12 and make (3.13 was resolved only).
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
ARGS ?=
QUICK := tests/test_house.py tests/test_site.py tests/test_benchmarks.py tests/test_config.py tests/pose tests/video tests/measure tests/show \
	tests/models/test_crop.py tests/store/test_journal.py tests/store/test_outbox.py \
	tests/sweeps/test_clips.py tests/sweeps/test_launchers.py

.PHONY: run test quick lint fix ui lab docs lock

run: $(VENV)/.ready  ## the main job; make run ARGS="model=lightning video=clip.mp4"
	$(BIN)/python -m posexp $(ARGS)

test: $(VENV)/.ready  ## the whole test suite
	$(BIN)/python -m pytest -n 2 --dist loadfile $(ARGS)

quick: $(VENV)/.ready  ## without servers, browsers, sweeps and real weights
	$(BIN)/python -m pytest -n 2 --dist worksteal -q $(QUICK) $(ARGS)

lint: $(VENV)/.ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	PYTHONPATH=src $(BIN)/lint-imports --no-logo --no-cache

fix: $(VENV)/.ready  ## what ruff can mend by itself
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

ui: $(VENV)/.ready  ## the runs in the MLflow UI
	$(BIN)/python -m posexp ui $(ARGS)

docs: $(VENV)/.ready  ## the docs as a site in site/, to be opened as files
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet
	@echo "Open site/index.html"

lab: $(VENV)/.ready  ## JupyterLab with the notebooks; your own go beside them
	cd notebooks && $(abspath $(BIN))/python -m jupyterlab $(ARGS)

lock:  ## after a change of the dependencies; needs uv
	uv pip compile pyproject.toml --extra dev --universal --python-version 3.10 \
		--generate-hashes --no-emit-index-url --upgrade -o requirements.txt

$(VENV)/.ready: requirements.txt pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@
