# Targets make their own environment when it is missing. PYTHON chooses the interpreter (3.11 to 3.13).
PYTHON ?= python3
VENV := .venv
ifeq ($(OS),Windows_NT)
BIN := $(VENV)/Scripts
else
BIN := $(VENV)/bin
endif
STAMP := $(VENV)/.installed

.PHONY: demo test lint bench bench-policies bench-recording bench-sessions check-lerobot check-minari check-robomimic docs experts faults figures gallery gif inverse human-data labels matrix other-pythons scale screenshot sitting tables task-table tutorial policies clean

demo: $(STAMP)
	$(BIN)/python -m learn demo --out demo-output

test: $(STAMP)
	$(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadfile -m "not real_time"
	$(BIN)/python -m pytest -m real_time

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(STAMP)
	$(BIN)/python tests/bench

bench-policies: $(STAMP)
	$(BIN)/python tests/bench_policies.py

bench-recording: $(STAMP)
	$(BIN)/python tests/bench_recording.py

bench-sessions: $(STAMP)
	$(BIN)/python tests/bench_sessions.py

# PEER is the Python of an environment with that tool; each script says what to install there.
check-lerobot check-minari check-robomimic: $(STAMP)
	$(BIN)/python tests/$(subst -,_,$@).py $(PEER) $(SESSION)

# Needs stable-baselines3, which lives beside everything else: .venv/bin/python -m pip install -c constraints.txt -e ".[experts]"
experts: $(STAMP)
	$(BIN)/python tests/train_experts.py

docs: $(STAMP)
	$(BIN)/python tests/build_site.py

faults: $(STAMP)
	$(BIN)/python tests/fault_injection.py

figures: $(STAMP)
	$(BIN)/python tests/whole_loop.py

screenshot: $(STAMP)
	$(BIN)/python tests/screenshot.py docs/recorder.png

gallery: $(STAMP)
	$(BIN)/python tests/gallery.py docs/gallery.png

gif: $(STAMP)
	$(BIN)/python tests/gif.py docs/recorder.gif

policies: $(STAMP)
	$(BIN)/python tests/policy_study.py

labels: $(STAMP)
	$(BIN)/python tests/label_study.py

sitting: $(STAMP)
	$(BIN)/python tests/sitting_study.py

human-data: $(STAMP)
	$(BIN)/python tests/human_data_study.py $(FILE)

inverse: $(STAMP)
	$(BIN)/python tests/inverse_study.py

task-table: $(STAMP)
	$(BIN)/python tests/task_table.py

scale: $(STAMP)
	$(BIN)/python tests/scale

matrix: $(STAMP)
	$(BIN)/python tests/mujoco_matrix.py

other-pythons: $(STAMP)
	$(BIN)/python tests/other_pythons.py

tables: $(STAMP)
	$(BIN)/python tests/tables.py

tutorial: $(STAMP)
	$(BIN)/python tests/tutorial.py

$(STAMP): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[dev]"
	@touch $(STAMP)

clean:
	rm -rf $(VENV) demo-output tutorial-output site .mypy_cache .ruff_cache .pytest_cache
