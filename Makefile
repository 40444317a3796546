# make app   create the environment, install, start the app (DATA=folder: on images of your own; NETWORK=student.pt2 or
#            student.py:StudentNet: with a network of your own; PORT=8502: when 8501 is in use; HOST=0.0.0.0: for others
#            in your network too, then without the code box)
# make dev   the same for those who change the source: Streamlit shows what is saved
# make replicas  two processes behind a proxy (PROXY=nginx or haproxy), to try deploy/
# make install only what app and test install (INSTALL='uv pip install --torch-backend cpu': without CUDA, if you have uv)
# make test  create the environment, install what the tests need, run ruff, mypy and pytest
# make axe  what axe-core says of every tab of every page, in both themes (some minutes)
# make wheel build what pip and uvx install, into dist/
# make bench measure speed against the aims
# make verify find again what cards and evidence claim, some minutes (ALL=--all: every row of the evidence, hours)
# make screenshots take the README's pictures again
# make mutants plant bugs in the engine and see which of them no test notices (half an hour)
PYTHON ?= python3
VENV   ?= .venv
PORT   ?= 8501
HOST   ?= 127.0.0.1
INSTALL ?= $(BIN)/pip install -q
BIN    := $(VENV)/bin
OPTIONS = --code-box $(if $(DATA),--data $(DATA)) $(foreach each,$(NETWORK),--network $(each))

.PHONY: app dev replicas install test axe lint types wheel bench verify screenshots mutants clean

app: $(VENV)/app.done
	$(BIN)/compression-explorer --host $(HOST) --port $(PORT) $(OPTIONS)

dev: $(VENV)/app.done
	$(BIN)/streamlit run streamlit_app.py --server.address $(HOST) --server.port $(PORT) -- $(OPTIONS)

replicas: $(VENV)/test.done
	$(BIN)/python -m benchmarks.serving.replicas --port $(PORT) $(if $(PROXY),--proxy $(PROXY))

install: $(VENV)/app.done $(VENV)/test.done

test: lint types
	$(BIN)/python -m pytest -n 2 --dist loadfile

axe: $(VENV)/test.done
	AXE=all $(BIN)/python -m pytest tests/browser/test_axe.py

lint: $(VENV)/test.done
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/test.done
	$(BIN)/mypy

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/app.done: requirements.txt pyproject.toml | $(VENV)/bin/python
	$(INSTALL) --editable .
	@touch $@

$(VENV)/test.done: requirements.txt requirements-dev.txt | $(VENV)/bin/python
	$(INSTALL) -r requirements-dev.txt
	$(BIN)/python -m tests.browser.chromium
	@touch $@

wheel: | $(VENV)/bin/python
	$(BIN)/pip wheel -q --no-deps --wheel-dir dist .

bench: $(VENV)/test.done
	$(BIN)/python -m benchmarks

verify: $(VENV)/app.done
	$(BIN)/compression-explorer verify $(ALL)

screenshots: $(VENV)/test.done
	$(BIN)/python -m docs.screenshots

mutants: $(VENV)/test.done
	$(BIN)/python -m benchmarks.mutants

clean:
	rm -rf $(VENV)
