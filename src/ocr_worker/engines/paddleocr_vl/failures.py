"""The classification of the errors of Paddle and torch: a problem of the page, too little memory, or a broken process.

Paddle's C++ errors arrive as Python's built-in exceptions with the text of its sources, so only the text shows
the kind. `build_nvidia_error_msg` in paddle/phi/core/enforce.h writes "CUDA error(<number>), <text>", "CUDNN
error(<number>), <status>" and "CUBLAS error(<number>). <text>". The allocators raise ResourceExhausted, in Python a
MemoryError, as "Out of memory error on GPU <n>. Cannot allocate ...". The texts were copied from these sources; none
was observed on a GPU.

torch writes "CUDA error: <text of cudaGetErrorString>" ("HIP error: ..." for AMD), "CUDA error: <cuBLAS status> when
calling ..." and "cuDNN error: <status>". It raises AcceleratorError, OutOfMemoryError or RuntimeError, by version.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import CancelledError
from enum import Enum, auto

from ocr_worker.engines.paddleocr_vl.server_errors import ServerRejection, ServerUnreachable

# https://docs.nvidia.com/cuda/cuda-runtime-api/group__CUDART__TYPES.html: after these, every later call fails, too.
_STICKY_CUDA = (
    3,  # cudaErrorInitializationError
    4,  # cudaErrorCudartUnloading
    46,  # cudaErrorDevicesUnavailable
    100,  # cudaErrorNoDevice
    201,  # cudaErrorDeviceUninitialized
    214,  # cudaErrorECCUncorrectable
    700,  # cudaErrorIllegalAddress
    702,  # cudaErrorLaunchTimeout
    709,  # cudaErrorContextIsDestroyed
    710,  # cudaErrorAssert
    714,  # cudaErrorHardwareStackError
    715,  # cudaErrorIllegalInstruction
    716,  # cudaErrorMisalignedAddress
    717,  # cudaErrorInvalidAddressSpace
    718,  # cudaErrorInvalidPc
    719,  # cudaErrorLaunchFailure
    999,  # cudaErrorUnknown
)
# The same errors as cudaGetErrorString and hipGetErrorString word them, for torch.
_STICKY_TEXTS = (
    "initialization error",
    "driver shutting down",
    r"CUDA-capable device\(s\) is/are busy or unavailable",
    "no (?:CUDA|ROCm)-capable device is detected",
    "invalid device context",
    "uncorrectable ECC error encountered",
    "an illegal memory access was encountered",
    "the launch timed out and was terminated",
    "context is destroyed",
    "device-side assert triggered",
    "hardware stack error",
    "an illegal instruction was encountered",
    "misaligned address",
    "operation not supported on global/shared address space",
    "invalid program counter",
    "unspecified launch failure",
    "unknown error",
)
_CUDNN_POISON = r"CUDNN_STATUS_(?:NOT_INITIALIZED|INTERNAL_ERROR|EXECUTION_FAILED)(?!\w*ALLOCATION_FAILED)\w*"
_POISON_TEXT = re.compile(
    rf"CUDA error\((?:{'|'.join(map(str, _STICKY_CUDA))})\)"
    rf"|CUDNN error\(\d+\), {_CUDNN_POISON}|cuDNN error: {_CUDNN_POISON}"
    r"|CUBLAS error\((?:1|13|14)\)"  # NOT_INITIALIZED, EXECUTION_FAILED, INTERNAL_ERROR
    r"|(?:CUDA|HIP) error: (?:CU|HIP)BLAS_STATUS_(?:NOT_INITIALIZED|EXECUTION_FAILED|INTERNAL_ERROR)"
    rf"|(?:CUDA|HIP) error: (?:{'|'.join(_STICKY_TEXTS)})"
)
# Of a model server: these and all from 500 on may concern this crop or every crop.
_SERVER_FAILURE_STATUSES = (401, 403, 404)
_OUT_OF_MEMORY_TEXT = re.compile(
    r"Out of memory error on GPU|\(ResourceExhausted\)|ResourceExhaustedError|CUDA error\(2\)"
    r"|CUDNN_STATUS_ALLOC_FAILED|CUDNN_STATUS_\w*ALLOCATION_FAILED|CUBLAS error\(3\)"
    r"|(?:CUDA|HIP) (?:error: )?out of memory|(?:CU|HIP)BLAS_STATUS_ALLOC_FAILED"
    r"|DefaultCPUAllocator: can't allocate memory"
)


class Failure(Enum):
    """The kind of a failed call, which decides what happens to the next calls."""

    PAGE = auto()
    OUT_OF_MEMORY = auto()
    POISONED = auto()
    SERVER_FAILED = auto()  # the page or the server is the cause: a test request must show which


def classify(error: BaseException) -> tuple[Failure, str]:
    """Return the kind of the failure and the text that shows it, such as "CUDA error(700)"; empty for `PAGE`."""
    causes = [(cause, str(cause)) for cause in _error_chain(error)]
    for _, text in causes:
        if match := _POISON_TEXT.search(text):
            return Failure.POISONED, match[0]
    for cause, text in causes:
        if isinstance(cause, ServerUnreachable | CancelledError):  # cancelled by `ServerClient.cancel`
            return Failure.POISONED, text or type(cause).__name__
        if isinstance(cause, ServerRejection) and (cause.status in _SERVER_FAILURE_STATUSES or cause.status >= 500):
            return Failure.SERVER_FAILED, f"HTTP {cause.status}"
    for cause, text in causes:
        if match := _OUT_OF_MEMORY_TEXT.search(text):
            return Failure.OUT_OF_MEMORY, match[0]
        if isinstance(cause, MemoryError) or type(cause).__name__ == "OutOfMemoryError":  # torch's is a RuntimeError
            return Failure.OUT_OF_MEMORY, type(cause).__name__
    return Failure.PAGE, ""


def _error_chain(error: BaseException) -> Iterator[BaseException]:
    visited_ids: set[int] = set()
    cause: BaseException | None = error
    while cause is not None and id(cause) not in visited_ids:
        visited_ids.add(id(cause))
        yield cause
        cause = cause.__cause__ or cause.__context__
