# Everything runs from .venv, which is made on first use; nothing has to be prepared by hand.
#
#     make demo       install, match a few events with a few rules, then a ring of five brokers
#     make test       the C tests, then the Python tests against the installed package
#     make bench      the benchmarks                      make lint   formats, linters, types
#     make soak       engine against twin for minutes
#     make wheel      sdist and wheel in dist/, built and installed where nothing else is
#     make peers      beside other engines, which it installs
#     make bench-brokers  what an event costs a broker, beside mosquitto and nats-server
#     make planted    known bugs planted one by one: the tests must catch each
#     make planted-brokers   bugs of the brokers: the simulator must catch each within 1,000 seeds
#     make fuzz       libFuzzer over the core (needs clang): TARGET=sequence|regex|parse|json SECONDS=60;
#                     over Python (needs a PYTHON with atheris and the package): TARGET=load|wire
#     make threads    concurrent calls for SECONDS: data races, and the order of whole operations
#     make ctest      the C tests under ASan, UBSan and the leak checker
#     make sanitize   the Python tests over a core built with ASan and UBSan
#
# ARGS is passed on: make test ARGS="-k json".

PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
ARGS   ?=

# What an installation is made of: files, and directories, which show that a file is gone. The C
# that Cython generates is not a source.
SOURCES := setup.py pyproject.toml $(wildcard README.md LICENSE) \
           $(shell find src_c brokers matchengine ! -path '*__pycache__*' \
                   ! -path 'matchengine/*.c' ! -path 'matchengine/*.html')

JOBS := $(shell nproc 2>/dev/null || echo 2)

.NOTPARALLEL:  # two pips must not work on one environment
TARGET  ?= sequence
SECONDS ?= 60

.PHONY: demo test bench bench-brokers peers soak planted planted-brokers fuzz threads lint ctest \
        tsan neon sanitize wheel clean

demo: $(VENV)/installed
	$(BIN)/python examples/demo.py $(ARGS)
	@echo
	$(BIN)/python examples/overlay_demo.py

test: $(VENV)/installed $(VENV)/group-test
	$(MAKE) -C tests/c --no-print-directory -s -j$(JOBS) VARIANT=plain
	$(BIN)/pytest $(ARGS)

bench: $(VENV)/installed $(VENV)/group-bench
	$(BIN)/pytest benchmarks --benchmark-only $(ARGS)

bench-brokers: $(VENV)/installed $(VENV)/group-bench
	$(BIN)/python benchmarks/brokers/run.py $(ARGS)

peers: $(VENV)/installed $(VENV)/group-peers
	$(BIN)/python benchmarks/peers/run.py $(ARGS)

soak: $(VENV)/installed $(VENV)/group-test
	$(BIN)/python tests/soak.py $(ARGS)

planted: $(VENV)/installed $(VENV)/group-test
	$(BIN)/python tests/planted.py $(ARGS)

planted-brokers: $(VENV)/installed $(VENV)/group-test
	$(BIN)/python tests/planted_brokers.py $(ARGS)

lint: $(VENV)/group-lint $(VENV)/group-typing $(VENV)/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/clang-format --dry-run -Werror $(wildcard src_c/*.[ch] tests/c/*.[ch] tests/fuzz/*.[ch])
	PATH="$(abspath $(BIN)):$$PATH" cython-lint matchengine  # runs pycodestyle from PATH
	$(BIN)/codespell $(wildcard *.md *.py Makefile .ci docs examples src_c matchengine brokers tests benchmarks)
	$(BIN)/mypy

fuzz:
	$(MAKE) -C tests/fuzz --no-print-directory TARGET=$(TARGET) SECONDS=$(SECONDS) PYTHON=$(PYTHON)

threads: $(VENV)/installed $(VENV)/group-test
	THREADS_SECONDS=$(SECONDS) $(MAKE) -C tests/c --no-print-directory -s VARIANT=tsan ONLY=threads \
	    SECONDS_EACH=$$(($(SECONDS) + 600))
	MATCHENGINE_HISTORIES=$(SECONDS) $(BIN)/pytest tests/matchengine/test_histories.py $(ARGS)

ctest:
	$(MAKE) -C tests/c --no-print-directory -s -j$(JOBS) VARIANT=asan

tsan:
	$(MAKE) -C tests/c --no-print-directory -s -j$(JOBS) VARIANT=tsan

neon:
	$(MAKE) -C tests/c --no-print-directory -s -j$(JOBS) VARIANT=neon

# The sanitizers' runtimes must be the first libraries of the process. CPython never frees some of
# its memory, so leaks are looked for in the C tests only.
SANITIZE := .venv-sanitize
sanitize:
	MATCHENGINE_BUILD=sanitize $(MAKE) VENV=$(SANITIZE) $(SANITIZE)/installed $(SANITIZE)/group-test
	LD_PRELOAD="$$($(CC) -print-file-name=libasan.so) $$($(CC) -print-file-name=libubsan.so)" \
	ASAN_OPTIONS=detect_leaks=0:abort_on_error=1 \
	UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 \
	PYTHONMALLOC=malloc HYPOTHESIS_PROFILE=$${HYPOTHESIS_PROFILE:-sanitize} \
	$(SANITIZE)/bin/pytest $(ARGS)

wheel: $(VENV)/group-dev
	.ci/wheel $(BIN)/python

clean:
	rm -rf build dist *.egg-info .venv .venv-sanitize .hypothesis .mypy_cache .ruff_cache .benchmarks
	rm -f $(patsubst %.pyx,%.c,$(wildcard matchengine/*.pyx))

# ---- the environment ----------------------------------------------------------------------------

$(VENV)/created:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	    || { echo "matchengine needs Python 3.11 or later; set PYTHON=..." >&2; exit 1; }
	@test -f "$$($(PYTHON) -c 'import sysconfig; print(sysconfig.get_path("include"))')/Python.h" \
	    || { echo "Python.h is missing: install the development files of Python" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"  # the first with --group
	touch $@

# Modules that were removed must not live on in the directory that the wheel is made from.
$(VENV)/installed: $(VENV)/created $(SOURCES)
	@echo "building the C core and installing it into $(VENV): about half a minute"
	@mkdir -p build && find build -path 'build/*/lib*' -type f ! -name '*.so' -delete
	$(BIN)/pip install --quiet ".[cli]"
	touch $@

$(VENV)/group-%: $(VENV)/created pyproject.toml
	$(BIN)/pip install --quiet --group $*
	touch $@
