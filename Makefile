# `make run`: a real document through handler.py, with nothing but git, make and Python on the machine.
# `make test`: everything that must hold. `make schema`: docs/*.json from the models. `make lock`: new pins.
# `make image-check`: the Dockerfile, built and run without a daemon (needs buildah, debootstrap and root).
# `make compat`: PaddleX's own server and ours get the same requests, on the test weights.
# `make test-vllm`: the managed model server once more, with a real vLLM on the CPU (TORCH names its PyTorch).

PYTHON := $(shell for python in python3.13 python3.12 python3.11 python3; do \
  $$python -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null && echo $$python && break; done)
BIN := .venv/bin
# --no-deps throughout: the locks are complete, and a resolver would bring a second build of OpenCV's cv2/.
INSTALL := $(BIN)/python -m pip --disable-pip-version-check --quiet install --no-deps
COMPILE := $(BIN)/uv pip compile --quiet --no-annotate --no-header --python-version 3.11 pyproject.toml

.PHONY: run test test-vllm compat image-check lint schema lock clean

run: .venv/light
	@OCR_ENGINE=embedded $(BIN)/python handler.py

test: .venv/full lint
	@tests/support/system_libraries.sh
	$(BIN)/python -m pytest -n 2 --dist loadfile

test-vllm: .venv/full
	@tests/support/vllm_environment.sh $(PYTHON) .venv-vllm
	VLLM_UNDER_TEST=$(CURDIR)/.venv-vllm $(BIN)/python -m pytest -v -rP tests/engines/paddleocr_vl/test_managed_worker.py tests/by_hand/real_vllm.py

image-check: export STORAGE_DRIVER = vfs
image-check: export BUILDAH_ISOLATION = chroot
image-check: .venv/full
	@tests/support/image_base.sh
	$(BIN)/python -m pytest -v -rP tests/by_hand/image_check.py

# Two packages that only PaddleX's server wants; they stay out of our environment.
compat: .venv/full .venv-paddlex/made
	PADDLEX_SERVING=$(CURDIR)/.venv-paddlex/bin/python $(BIN)/python -m pytest -v -rP tests/by_hand/paddlex_compat.py

.venv-paddlex/made: .venv/full
	@$(BIN)/python -m venv .venv-paddlex
	@.venv-paddlex/bin/python -m pip --disable-pip-version-check --quiet install bce-python-sdk==0.9.79 filetype==1.2.0
	@$(BIN)/python -c 'import site; print(site.getsitepackages()[0])' > \
	  $$(.venv-paddlex/bin/python -c 'import site; print(site.getsitepackages()[0])')/project.pth
	@touch $@

lint: .venv/full
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

schema: .venv/light
	$(BIN)/ocr-worker schema docs

.venv/made:
	@test -n "$(PYTHON)" || { echo "Python 3.11, 3.12 or 3.13 is needed."; exit 1; }
	@$(PYTHON) -m venv .venv && touch $@

# Where the full set is installed, it serves for both.
.venv/light: requirements/light.txt pyproject.toml .venv/made
	@if [ -e .venv/full ]; then $(MAKE) --no-print-directory .venv/full; else \
	  echo "Installing the light set (no Paddle) into .venv; once, about a minute ..."; \
	  $(INSTALL) --requirement requirements/light.txt --editable .; fi
	@touch $@

.venv/full: requirements/full.txt pyproject.toml .venv/made
	@echo "Installing the full set (Paddle for CPU, test tools) into .venv; once, a few minutes ..."
	@$(BIN)/python -m pip --quiet uninstall --yes opencv-python-headless 2>/dev/null
	@$(INSTALL) --requirement requirements/full.txt --editable .
	@touch $@

lock: .venv/made
	@$(INSTALL) uv==0.13.9
	$(COMPILE) --override requirements/opencv-contrib.txt --extra paddle --group dev --output-file requirements/full.txt
	$(COMPILE) --override requirements/opencv-headless.txt --constraint requirements/full.txt --output-file requirements/light.txt
	$(COMPILE) --override requirements/opencv-contrib.txt --constraint requirements/full.txt --extra paddle --output-file .venv/gpu.txt
	cat requirements/gpu-header.txt .venv/gpu.txt > requirements.txt

# The Hub builds its Dockerfile's last stage: the image with vLLM, which serves both of its presets.
.runpod/Dockerfile: Dockerfile
	(cat Dockerfile; printf '\n# Written by `make .runpod/Dockerfile`: for the Hub.\nFROM vllm\n') > $@

clean:
	rm -rf .venv
