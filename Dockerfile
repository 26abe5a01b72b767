# The worker's image. Targets: `native` (the default) and `vllm` (with a model server of its own).
#   docker build --platform linux/amd64 -t paddleocr-vl-worker .
#   docker build --platform linux/amd64 -t paddleocr-vl-worker:vllm --target vllm .
# CUDA: Paddle's index, cu126, or cu129 for Blackwell; its wheels bring CUDA as pip dependencies, so a slim base is enough.
# PADDLE: for the CPU, paddlepaddle==3.3.1. WEIGHTS: v1.6, v1.5, v1 (run the older ones with OCR_VL_VERSION), or none: then
# they come from a volume or the platform's cache.
ARG BASE=python:3.11-slim-bookworm
ARG WEIGHTS=v1.6

# What changes least comes first: libraries, weights, code.
FROM ${BASE} AS libraries
ARG CUDA=cu126
ARG PADDLE=paddlepaddle-gpu==3.3.1
# libgomp1: Paddle. libgl1, libglib2.0-0: OpenCV. The font: PaddleX's pictures and the warm-up page.
# Not root: it needs to write nowhere but into its home, /app and /weights; volumes are only read.
RUN apt-get update \
    && apt-get install -y --no-install-recommends libgomp1 libgl1 libglib2.0-0 fonts-dejavu-core \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --create-home --uid 1000 worker \
    && install --directory --owner worker --group worker /app /weights \
    && printf '#!/bin/sh\nexec python -m ocr_worker.cli "$@"\n' > /usr/local/bin/ocr-worker \
    && chmod +x /usr/local/bin/ocr-worker
COPY requirements.txt /tmp/requirements.txt
# Paddle comes with no hash of ours, so the same pins constrain it without theirs.
RUN pip install --no-cache-dir --disable-pip-version-check --root-user-action ignore --no-deps -r /tmp/requirements.txt \
    && sed '/--hash=/d; s/ \\$//' /tmp/requirements.txt > /tmp/constraints.txt \
    && case "$PADDLE" in \
         paddlepaddle-gpu*) index="--extra-index-url https://www.paddlepaddle.org.cn/packages/stable/$CUDA/" ;; \
         *) index= ;; \
       esac \
    && pip install --no-cache-dir --disable-pip-version-check --root-user-action ignore -c /tmp/constraints.txt $index "$PADDLE"
# RUNPOD_LOG_LEVEL: the SDK's default, DEBUG, logs answers. The four after it: no telemetry of onnxruntime, huggingface_hub
# and vLLM, also when they are started without the worker.
ENV PYTHONUNBUFFERED=1 \
    PYTHONPATH=/app/src \
    RUNPOD_LOG_LEVEL=INFO \
    ORT_DISABLE_TELEMETRY=1 \
    HF_HUB_DISABLE_TELEMETRY=1 \
    VLLM_NO_USAGE_STATS=1 \
    DO_NOT_TRACK=1 \
    OCR_WEIGHTS_HOME=/weights \
    PADDLE_PDX_LOCAL_FONT_FILE_PATH=/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf
WORKDIR /app
USER worker

# The few files that weights are fetched and verified with, so that other code does not fetch them again. Their times are
# set to 0: the same weights are the same layer, which registries and hosts then have already.
FROM libraries AS weights
ARG WEIGHTS
COPY src/ocr_worker/__init__.py src/ocr_worker/errors.py src/ocr_worker/extras.py src/ocr_worker/threads.py \
     /app/src/ocr_worker/
COPY src/ocr_worker/settings /app/src/ocr_worker/settings
COPY src/ocr_worker/engines/paddleocr_vl/weights.py src/ocr_worker/engines/paddleocr_vl/download.py \
     /app/src/ocr_worker/engines/paddleocr_vl/
RUN if [ "$WEIGHTS" != none ]; then \
      OCR_VL_VERSION=$WEIGHTS python -c 'from ocr_worker.engines.paddleocr_vl import weights; from ocr_worker import settings; weights.fetch(settings.load_settings())' ; \
    fi \
    && find /weights -exec touch --no-dereference --date=@0 {} +

# vLLM in an environment of its own: its libraries and Paddle's do not agree. Triton compiles with a C compiler at run time.
# PyPI's wheels are built for CUDA 13: the endpoint's machines must have it.
FROM libraries AS vllm
ARG VLLM=vllm==0.33.0
USER root
RUN apt-get update \
    && apt-get install -y --no-install-recommends gcc libc6-dev \
    && rm -rf /var/lib/apt/lists/* \
    && python -m venv /opt/vllm \
    && /opt/vllm/bin/pip install --no-cache-dir --disable-pip-version-check "$VLLM"
USER worker
ENV OCR_BACKEND=vllm-server OCR_VLLM=/opt/vllm/bin/vllm
ARG WEIGHTS
COPY --from=weights --chown=worker:worker /weights /weights
COPY --chown=worker:worker . /app
# vLLM reads other files of the weights than Paddle does.
RUN python -m compileall -q /app && { [ "$WEIGHTS" = none ] || OCR_VL_VERSION=$WEIGHTS ocr-worker weights verify; }
CMD ["python", "-u", "handler.py"]

FROM libraries AS native
COPY --from=weights --chown=worker:worker /weights /weights
COPY --chown=worker:worker . /app
RUN python -m compileall -q /app
CMD ["python", "-u", "handler.py"]
