# `make run` and `make test` need Python 3.11 or later, and set up everything else themselves.
PYTHON ?= python3
PORT   ?= 8080
BIN    := .venv/bin
READY  := .venv/.ready

.PHONY: help run test words fuzz chaos bench peers lint types check clean

help: ## List what can be made
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 10

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit("Leadpipe needs Python 3.11 or later; set PYTHON=…" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	@touch $@

run: $(READY) ## Start everything, send the sample events, show what became of them (BROKER=amqp://… for RabbitMQ)
	@exec env LEADPIPE_HTTP_PORT=$(PORT) $(if $(BROKER),'LEADPIPE_BROKER_URL=$(BROKER)') $(BIN)/leadpipe up --demo deploy/examples

test: $(READY) ## Run the whole suite, on private servers of its own (or LEADPIPE_TEST_AMQP_URL's RabbitMQ)
	$(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder

words: $(READY) ## Write docs/words.txt: everything that Leadpipe says to a person, to be read before a release
	@$(BIN)/python -m tests.words

fuzz: $(READY) ## Try the API at length with requests made from its OpenAPI document (EXAMPLES=100 SEED=1)
	$(BIN)/python -W ignore -m tests.api $(if $(EXAMPLES),--examples $(EXAMPLES)) $(if $(SEED),--seed $(SEED))

chaos: $(READY) ## Break everything, at length, and print the verdicts (SEEDS=1,2 MINUTES=60 SCENARIO=R1,R5 BROKER=rabbitmq)
	$(BIN)/python -m tests.chaos --table var/chaos.txt --logs var/chaos $(if $(SEEDS),--seeds $(SEEDS)) $(if $(MINUTES),--minutes $(MINUTES)) $(if $(SCENARIO),--scenario $(SCENARIO)) $(if $(BROKER),--broker $(BROKER))

bench: $(READY) ## Measure the standard set over RabbitMQ and over PostgreSQL; writes docs/benchmarks.md
	$(BIN)/python -W ignore -m tests.bench

peers: $(READY) ## Measure the same job written with FastStream, aio-pika and Node beside ours
	$(BIN)/python -W ignore -m tests.bench.peers

lint: $(READY) ## Check style and formatting
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(READY) ## Check types, strictly
	$(BIN)/mypy

check: lint types test ## Everything that CI runs

clean: ## Remove what was installed and stored here
	rm -rf .venv var .mypy_cache .ruff_cache .pytest_cache .hypothesis
