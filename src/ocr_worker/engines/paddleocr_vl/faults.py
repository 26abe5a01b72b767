"""What Paddle's exceptions mean: a page's own fault, too little memory, or a process that no page can use again.

Paddle's C++ errors come as Python's built-in exceptions with the text of its sources, so the text has to tell:
`build_nvidia_error_msg` in paddle/phi/core/enforce.h writes "CUDA error(<number>), <text>", "CUDNN error(<number>),
<status>" and "CUBLAS error(<number>). <text>"; the allocators raise ResourceExhausted, in Python a MemoryError, as
"Out of memory error on GPU <n>. Cannot allocate ...". The texts were taken from there; none was seen on a GPU.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import Enum, auto

# https://docs.nvidia.com/cuda/cuda-runtime-api/group__CUDART__TYPES.html: after these every later call fails, too.
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
_POISONED = re.compile(
    rf"CUDA error\((?:{'|'.join(map(str, _STICKY_CUDA))})\)"
    r"|CUDNN error\(\d+\), CUDNN_STATUS_(?:NOT_INITIALIZED|INTERNAL_ERROR|EXECUTION_FAILED)\w*"
    r"|CUBLAS error\((?:1|13|14)\)"  # NOT_INITIALIZED, EXECUTION_FAILED, INTERNAL_ERROR
)
# The model server cannot be reached, by the client's class; its timeouts are left to the worker's own deadline.
_GONE = ("APIConnectionError", "ConnectError")
# The model server answers, but not with what was asked for: for this crop or for every one.
_REFUSED = ("InternalServerError", "NotFoundError", "AuthenticationError", "PermissionDeniedError")
_OUT_OF_MEMORY = re.compile(
    r"Out of memory error on GPU|\(ResourceExhausted\)|ResourceExhaustedError|CUDA error\(2\)"
    r"|CUDNN_STATUS_ALLOC_FAILED|CUBLAS error\(3\)"
)


class Fault(Enum):
    """What a failed call says about the calls to come."""

    PAGE = auto()
    OUT_OF_MEMORY = auto()
    POISONED = auto()
    SERVER_FAILED = auto()  # whose fault it is the server must be asked


def diagnose(error: BaseException) -> tuple[Fault, str]:
    """The fault, and the words that told it ("CUDA error(700)"; empty for a page's own fault)."""
    texts = [(one, str(one)) for one in _chain(error)]
    for _, text in texts:
        if found := _POISONED.search(text):
            return Fault.POISONED, found[0]
    for one, _ in texts:
        if type(one).__name__ in _GONE:
            return Fault.POISONED, type(one).__name__
        if type(one).__name__ in _REFUSED:
            return Fault.SERVER_FAILED, type(one).__name__
    for one, text in texts:
        if found := _OUT_OF_MEMORY.search(text):
            return Fault.OUT_OF_MEMORY, found[0]
        if isinstance(one, MemoryError):
            return Fault.OUT_OF_MEMORY, "MemoryError"
    return Fault.PAGE, ""


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    one: BaseException | None = error
    while one is not None and id(one) not in seen:
        seen.add(id(one))
        yield one
        one = one.__cause__ or one.__context__
