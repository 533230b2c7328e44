# Commands for a bare machine; `make help` lists them. Each may be run again.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

RAY_READY := $(VENV)/.ray-ready

DOCS_READY := $(VENV)/.docs-ready

AXE := tests/viewer/node_modules/.package-lock.json
MODULES := src/sacv/viewer/js src/sacv/app/static

ZOO := .venv-peers
ZOO_READY := $(ZOO)/.ready

.PHONY: help demo docs reference screenshots bench bench-tables bench-quick bench-real bench-speed test test-slow test-js test-ray test-zoo lint format clean

help: ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/'

$(READY): pyproject.toml bench/pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "sacv needs Python 3.11 or newer; name one with 'make PYTHON=python3.11 ...'"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]' --editable bench
	@touch $@

demo: $(READY) ## run the whole thing on embedded material and print where the result lies
	$(BIN)/sacv demo --out demo-out

screenshots: $(READY) ## draw the pictures of docs/pictures anew, from embedded material, in Chromium
	$(BIN)/python scripts/screenshots.py

bench: $(ZOO_READY) ## measure the truth bench's held-out split (under 30 minutes), with captum beside it
	$(ZOO)/bin/sacv bench --out bench-out

bench-tables: bench ## measure that, and write docs/bench-tables.md from it
	$(ZOO)/bin/python scripts/write_bench_tables.py bench-out

bench-quick: $(READY) ## the same on fewer scenes (about two minutes)
	$(BIN)/sacv bench --quick --out bench-out

bench-real: $(READY) ## the bench on the real photographs of SACV_REAL_DATA, by default ../shared/real (about half an hour)
	$(BIN)/sacv bench --real "$${SACV_REAL_DATA:-../shared/real}" --out bench-real-out

bench-speed: $(READY) ## what everything costs beside what it cannot do without (hours); with captum where make test-zoo has been
	PYTHONPATH=benchmarks $(if $(wildcard $(ZOO_READY)),$(ZOO),$(VENV))/bin/python -m speed --out speed-out $(SPEED)

$(AXE): tests/viewer/package-lock.json
	@if command -v npm > /dev/null; then cd tests/viewer && npm ci --no-audit --no-fund --silent; \
		else echo "no npm on the PATH: the test of how accessible the page is will be skipped"; fi

test-js: $(AXE) ## lint the modules of the viewer and the app, and test those that need no browser (wants npm and node)
	@if [ -d tests/viewer/node_modules/eslint ]; then \
		tests/viewer/node_modules/.bin/eslint --config tests/viewer/eslint.config.mjs $(MODULES) tests/viewer/js && \
		node --test tests/viewer/js/*.test.mjs; \
	elif [ -n "$$SACV_NEED_BROWSER" ]; then echo "no npm on the PATH: install it, on Debian with 'apt-get install npm'"; exit 1; \
	else echo "no npm on the PATH: the modules of the pages are neither linted nor tested"; fi

# Tests run beside each other, one for each core: a thread each is enough. Python's caches save compiling anew. Neighbours
# stay together (worksteal), which share what their module makes.
test test-slow test-zoo: export OMP_NUM_THREADS = 1
test test-slow test-ray test-zoo: export PYTHONDONTWRITEBYTECODE =

test: lint test-js ## check style and types, then run the quick tests; COVERAGE=1 prints a line of coverage for each room
	$(BIN)/python -m pytest -n auto --dist worksteal -m "not slow" $(if $(COVERAGE),--cov=sacv --cov-report=json:coverage.json)
	$(if $(COVERAGE),$(BIN)/python scripts/coverage_by_room.py coverage.json)

test-slow: $(READY) $(AXE) ## run the tests that take seconds each: the bench, and everything in a browser (wants Chromium)
	$(BIN)/python -m pytest -n auto --dist worksteal -m slow

$(RAY_READY): $(READY) pyproject.toml constraints.txt
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev,ray]'
	@touch $@

test-ray: $(RAY_READY) ## test the engine that spreads work over workers, with Ray on this machine and on a simulated cluster
	$(BIN)/python -m pytest tests/spread

$(ZOO_READY): pyproject.toml bench/pyproject.toml constraints-zoo.txt
	$(PYTHON) -m venv $(ZOO)
	$(ZOO)/bin/python -m pip install --quiet --constraint constraints-zoo.txt \
		--editable '.[torchvision,timm,transformers]' --editable 'bench[captum]' pytest pytest-xdist
	@touch $@

test-zoo: $(ZOO_READY) ## test networks of torchvision, timm and transformers, in an environment of their own (5 GB)
	$(ZOO)/bin/python -m pytest -n auto tests/zoo bench/tests/rivals/test_captum.py

lint: $(READY) ## check style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(READY) ## rewrite the code in the house style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

$(DOCS_READY): $(READY) pyproject.toml constraints.txt
	@$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[docs]'
	@touch $@

docs: $(DOCS_READY) ## build the documentation into site/; warnings are errors
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict
	@echo "Open site/index.html"

reference: $(READY) ## write the pages of the reference that follow from the code
	$(BIN)/python scripts/write_reference.py

clean: ## remove what the other targets made
	rm -rf $(VENV) $(ZOO) demo-out bench-out bench-real-out speed-out site
