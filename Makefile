# make app   create the environment, install, start the app (DATA=folder: on images of your own; NETWORK=student.pt2 or
#            student.py:StudentNet: with a network of your own; HOST=0.0.0.0: for others too, then without the code box)
# make test  create the environment, install what the tests need, run ruff, mypy and pytest
# make bench measure speed against the aims
# make mutants plant bugs in the engine and see which of them no test notices (half an hour)
PYTHON ?= python3
VENV   ?= .venv
PORT   ?= 8501
HOST   ?= 127.0.0.1
BIN    := $(VENV)/bin

.PHONY: app test lint types bench mutants clean

app: $(VENV)/app.done
	@echo "The explorer starts at http://localhost:$(PORT) (stop it with Ctrl+C)"
	$(BIN)/streamlit run streamlit_app.py --server.address $(HOST) --server.port $(PORT) --server.headless true \
		-- --code-box $(if $(DATA),--data $(DATA)) $(foreach each,$(NETWORK),--network $(each))

test: lint types
	$(BIN)/python -m pytest -n 2 --dist loadfile

lint: $(VENV)/test.done
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/test.done
	$(BIN)/mypy

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/app.done: requirements.txt | $(VENV)/bin/python
	$(BIN)/pip install -q -r requirements.txt
	@touch $@

$(VENV)/test.done: requirements.txt requirements-dev.txt | $(VENV)/bin/python
	$(BIN)/pip install -q -r requirements-dev.txt
	$(BIN)/python -m tests.browser.chromium
	@touch $@

bench: $(VENV)/test.done
	$(BIN)/python -m benchmarks

mutants: $(VENV)/test.done
	$(BIN)/python -m benchmarks.mutants

clean:
	rm -rf $(VENV)
