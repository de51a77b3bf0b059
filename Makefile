# Two commands are enough: `make run` and `make test`. Each does all its own set-up.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: help run test test-rest test-web load-test soak crash-test crash-sql race-sql fuzz check format lock texts api-docs pictures bench-sweep bench-upload bench-start bench-store bench-sheets desktop-wheel clean

help:
	@echo "make run     install and start the bot (without .env: against the sandbox, on this machine alone)"
	@echo "make test    install and run the whole test suite: encrypted files, and some of the tests in plain files and in a database as well"
	@echo "             (WAYS=off, on, sqlite, mariadb: one alone)"
	@echo "make test-web    the pages in a browser: every state, language, width and theme (wants chromium)"
	@echo "make load-test   a hundred people at once, fifty with many files and faults, one of 2.2 GB; ten thousand owners"
	@echo "make soak    5,000 uploads with faults: memory and connections come back (SOAK=options)"
	@echo "make crash-test  killed, or no space left, at every file-system call, and amid uploads"
	@echo "make race-sql    processes killed, stopped and misled while they share a database (needs mariadbd)"
	@echo "make crash-sql   the connection to the database cut at every packet (needs mariadbd)"
	@echo "make fuzz    ten thousand damaged token files"
	@echo "make check   format, lint, types, direction of imports"
	@echo "make bench-sweep   what custody costs, against floors (JSON=FILE, BENCH_DIR=folder on a disk, QUICK=1)"
	@echo "make bench-upload  what an upload costs, from the desktop page too, against curl and Google's client (the same)"
	@echo "make bench-start   what a start costs, with 20,000 finished uploads and with none (the same options)"
	@echo "make bench-store   the storage in a database, among processes, and the web (the same; wants mariadb-server)"
	@echo "make bench-sheets  what a look at a spreadsheet costs, against reading its JSON alone (the same options)"
	@echo "make format  let ruff format and sort"
	@echo "make texts   bring the catalogues of translations up to date with the code"
	@echo "make api-docs    write docs/api.md anew, from the description that the program serves of itself"
	@echo "make pictures    take anew the README's picture of the settings page, and docs/desktop.md's (needs Chromium)"
	@echo "make desktop-wheel   what staff install, the desktop's page alone, into dist/ (docs/desktop-setup.md)"
	@echo "make lock    renew the requirements files (needs uv)"

# Where the Python that an environment was made with has gone (a newer system), it is made anew.
$(if $(wildcard $(VENV)/.run),$(shell $(BIN)/python -c '' 2>/dev/null || rm -f $(VENV)/.run $(VENV)/.dev $(VENV)/.picture))

# It says first what it takes (measured: docs/performance.md), and then how far it is.
OLDEST := import sys; v = sys.version_info; sys.exit(v < (3, 11) and "Drivekeeper needs Python 3.11 \
	or newer, and $(PYTHON) is %d.%d. If there is a newer one: make … PYTHON=python3.12" % v[:2])
INSTALL = @$(PYTHON) -c '$(OLDEST)' && $(PYTHON) install.py --venv $(VENV) --takes

# Babel knows how every language writes numbers and dates, 31 MB; nothing here is written but in these.
SPARE_LANGUAGES = find $(VENV) -path '*/babel/locale-data/*' -type f \
	! -name root.dat ! -name 'en*' ! -name 'zh*' -delete

$(VENV)/.run: requirements.txt requirements-build.txt pyproject.toml
	$(INSTALL) "58 MB to download, 290 MB on the disk, about a minute" --project requirements-build.txt requirements.txt
	@$(SPARE_LANGUAGES)
	@touch $@

# The picture in /health; not needed to run (docs/operations.md).
$(VENV)/.picture: requirements-picture.txt $(VENV)/.run
	$(INSTALL) "33 MB to download, 150 MB on the disk, half a minute" requirements-picture.txt
	@touch $@

$(VENV)/.dev: requirements-dev.txt $(VENV)/.run
	$(INSTALL) "123 MB to download, 460 MB on the disk, about a minute" requirements-dev.txt
	@touch $@

run: $(VENV)/.run
	@$(BIN)/python -m cli run

# Everything: in files without encryption and with it, and in a database. Most tests wait (for the disk, first of all), so there
# are more workers than cores (six take a tenth longer than eight, ten are as fast), and files in memory where there is some.
# `.ci/run` adds what takes longer: a hundred people at once, and the other ways of `one_way` tests, and other ways of keeping documents.
WORKERS ?= 8
# off, on (files without encryption, and with it), sqlite, mariadb: one way alone, with all of its
# tests; usual: see tests/conftest.py. Off and on may be said as ENCRYPTION= as well.
WAYS ?= $(or $(ENCRYPTION),usual)
TEST_FILES := $(if $(wildcard /dev/shm),/dev/shm,/tmp)
test test-rest test-web load-test soak fuzz: export PYTEST_DEBUG_TEMPROOT = $(TEST_FILES)
# Compiled modules are kept, whatever the environment says: each worker would compile them again.
test test-rest test-web load-test soak fuzz: export PYTHONDONTWRITEBYTECODE =
test: $(VENV)/.dev
	$(BIN)/python -m pytest -m "not load" --ways=$(WAYS) -n $(WORKERS) --dist worksteal -q
test-rest: $(VENV)/.dev
	$(BIN)/python -m pytest -m "not load" --ways=rest -n $(WORKERS) --dist worksteal -q
# The pages, in every state, language, width and theme; screenshots in test-artifacts/browser/pages/.
test-web: $(VENV)/.dev
	$(BIN)/python -m pytest --ways=on -n $(or $(shell nproc 2>/dev/null),2) -q tests/pages tests/console tests/browser/test_pages.py tests/browser/test_console.py tests/browser/test_departments.py tests/web/test_in_browser.py tests/web/test_console_in_browser.py tests/desktop/test_every_state.py tests/desktop/test_in_browser.py
load-test: $(VENV)/.dev
	$(BIN)/python -m pytest -m load -q -s tests/test_load.py tests/test_many_uploads.py tests/test_large_file.py tests/test_sweep_load.py
# In earnest, a quarter of an hour: SOAK="--pace 1"; a night: SOAK="--pace 1 --uploads 100000".
soak: $(VENV)/.dev
	$(BIN)/python -m pytest -m load -q -s tests/test_soak.py $(SOAK)
# See docs/testing-crashes.md.
crash-test: $(VENV)/.dev
	$(BIN)/python -m tests.crash
crash-sql: $(VENV)/.dev
	$(BIN)/python -m tests.database.crash
race-sql: $(VENV)/.dev
	$(BIN)/python -m tests.database.race

# Ten thousand damaged files where `make test` has five hundred.
fuzz: $(VENV)/.dev
	$(BIN)/python -m pytest -q tests/security/test_credential_fuzz.py --fuzz=5000 --timeout=900 -n 2

check: $(VENV)/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -q tests/test_architecture.py

format: $(VENV)/.dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

UV_COMPILE := uv pip compile --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --no-header --quiet

# dev repeats run's versions exactly, so that the tests see what production runs.
lock:
	$(UV_COMPILE) pyproject.toml -o requirements.txt
	$(UV_COMPILE) pyproject.toml --extra picture -c requirements.txt -o requirements-picture.txt
	$(UV_COMPILE) pyproject.toml --extra picture --group dev --group build -c requirements-picture.txt \
		-o requirements-dev.txt
	$(UV_COMPILE) --group build -o requirements-build.txt

# Ratios of medians, from one run; the method is in docs/performance.md.
BENCH_OPTIONS = $(if $(BENCH_DIR),--folder $(BENCH_DIR)) $(if $(JSON),--json $(JSON)) $(if $(QUICK),--quick)
bench-sweep: $(VENV)/.dev
	@$(BIN)/python -m bench.run $(BENCH_OPTIONS)

bench-upload: $(VENV)/.dev
	@$(BIN)/python -m bench.uploads.run $(BENCH_OPTIONS)

bench-start: $(VENV)/.dev
	@$(BIN)/python -m bench.start $(BENCH_OPTIONS)

bench-store: $(VENV)/.dev
	@$(BIN)/python -m bench.store.run $(BENCH_OPTIONS)

bench-sheets: $(VENV)/.dev
	@$(BIN)/python -m bench.sheets.run $(BENCH_OPTIONS)

# A catalogue a front: what its code and templates say goes in, translations stay, what they no
# longer say goes.
LANGUAGES := zh_Hant zh_Hans
texts: $(VENV)/.run
	@for front in bot web desktop; do \
		$(BIN)/pybabel --quiet extract --mapping-file pyproject.toml --keyword tr --keyword label --keyword plural:1,2 \
			--no-location --sort-output --project drivekeeper --output build-messages.pot $$front $$(test $$front = bot || echo looks) || exit 1; \
		for language in $(LANGUAGES); do \
			file=$$front/locale/$$language.po; \
			test -f $$file || $(BIN)/pybabel --quiet init --input-file build-messages.pot \
				--locale $$language --output-file $$file; \
			$(BIN)/pybabel --quiet update --input-file build-messages.pot --locale $$language \
				--output-file $$file --no-fuzzy-matching --ignore-obsolete --ignore-pot-creation-date || exit 1; \
		done; \
	done
	@rm build-messages.pot

api-docs: $(VENV)/.dev
	@$(BIN)/python -m tests.api_docs
pictures: $(VENV)/.dev
	@$(BIN)/python -m tests.pages.picture
	@$(BIN)/python -m tests.desktop.pictures

# Built in a folder of its own: what a build leaves behind would get into the next one.
desktop-wheel: $(VENV)/.run
	@cd installers/desktop && rm -rf build && $(abspath $(BIN))/python -c \
		'import sys; from setuptools import build_meta; build_meta.build_wheel(sys.argv[1])' \
		$(abspath dist) >/dev/null && rm -rf build ../../drivekeeper_desktop.egg-info
	@ls dist/drivekeeper_desktop-*.whl

clean:
	rm -rf $(VENV) .sandbox .mypy_cache .ruff_cache .pytest_cache build *.egg-info
