# The doors of the project. `make run` and `make test` set up what is missing, on a machine with Python 3.11 and make.

PYTHON := .venv/bin/python
# Where bytecode is switched off, each of the hundreds of processes of the tests would compile all modules anew.
export PYTHONDONTWRITEBYTECODE :=
# What floods the machine or holds it to a time: beside each other these files have room, beside browsers they have not.
APART := $(addprefix tests/faults/test_,one_node.py pgbouncer.py postgres_away.py) \
         $(addprefix tests/web/test_,denial.py overload.py pressure.py)
# Files side by side. Browsers and servers of the tests wait now and then, so three keep two processors busy.
FILES := --dist loadfile --no-loadscope-reorder --numprocesses
# A busy machine can fail a test that holds a browser or a server to a time. Up to three of each of the two runs get a second
# try and are told of in the end, with how they failed. Of tests/faults only what runs apart gets one: lost once is lost.
AGAIN := --reruns 1 --max-suite-reruns 3 --rerun-show-tracebacks

.PHONY: help run test clients faults lint format bench lock wheel

help: ## Say what each door does
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{ printf "make %-8s %s\n", $$1, $$2 }'

run: ## Start the demo: Keygrove on port 8400, a small protected API on 8401, an app to connect on 8402
	@sh scripts/setup.sh run
	@.venv/bin/keygrove demo

test: ## Check style and types, then run all tests
	@sh scripts/setup.sh test
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	@# With what those tests leave of the machine types are checked, and all tests compiled, which each process would do.
	nice -n 19 $(PYTHON) -m pytest -qq --collect-only >/dev/null & \
	nice -n 19 $(PYTHON) -m mypy & types=$$!; $(PYTHON) -m pytest $(FILES) 2 $(AGAIN) $(APART) && wait $$types
	$(PYTHON) -m pytest $(FILES) 3 $(AGAIN) --rerun-exclude-path tests/faults $(APART:%=--ignore %)

clients: ## Let OAuth clients in Python, Node, Go, Rust, Java and Apache judge a running Keygrove
	@sh scripts/setup.sh clients
	KEYGROVE_TEST_CLIENTS=all $(PYTHON) -m pytest tests/clients --timeout 1800

faults: ## Kill, cut off and damage Keygrove some hundred times, for ten minutes
	@sh scripts/setup.sh test
	KEYGROVE_TEST_KILLS=$${KEYGROVE_TEST_KILLS:-300} $(PYTHON) -m pytest tests/faults --timeout 1800

lint: ## Check style and types only
	@sh scripts/setup.sh test
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m mypy

format: ## Rewrite the code in the house style
	@sh scripts/setup.sh test
	$(PYTHON) -m ruff check --fix .
	$(PYTHON) -m ruff format .

bench: ## Measure the token endpoint beside its peers
	@sh scripts/setup.sh test
	sh bench/setup.sh
	$(PYTHON) -m bench.run

lock: ## Rewrite requirements/*.lock from pyproject.toml (needs uv)
	sh scripts/lock.sh

wheel: ## Build dist/keygrove-*.whl
	@sh scripts/setup.sh run
	$(PYTHON) -m pip wheel --quiet --no-deps --no-build-isolation --wheel-dir dist .
