"""Errors of torch, by the wordings that its releases use; `tests/by_hand/torch_engine.py` raises real ones."""

from __future__ import annotations

import pytest

from ocr_worker.engines.paddleocr_vl.failures import Failure, classify

_ADVICE = "\nCUDA kernel errors might be asynchronously reported at some other API call"


class OutOfMemoryError(RuntimeError):
    """Stands for `torch.OutOfMemoryError`, a RuntimeError as here."""


OUT_OF_MEMORY = [
    OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 79.18 GiB"),
    OutOfMemoryError("Allocation on device "),
    RuntimeError("HIP out of memory. Tried to allocate 20.00 MiB. GPU 0 has a total capacity of 23.98 GiB"),
    RuntimeError("CUDA error: out of memory" + _ADVICE),
    RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
    RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
    RuntimeError("cuDNN error: CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED"),
    RuntimeError("[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate memory: you tried"),
]
POISON = [
    RuntimeError("CUDA error: an illegal memory access was encountered" + _ADVICE),
    RuntimeError("HIP error: an illegal memory access was encountered"),
    RuntimeError("CUDA error: device-side assert triggered" + _ADVICE),
    RuntimeError("CUDA error: unspecified launch failure" + _ADVICE),
    RuntimeError("CUDA error: uncorrectable ECC error encountered"),
    RuntimeError("CUDA error: CUDA-capable device(s) is/are busy or unavailable"),
    RuntimeError("CUDA error: CUBLAS_STATUS_EXECUTION_FAILED when calling `cublasGemmEx( handle, opa, opb, m, n, k)`"),
    RuntimeError("CUDA error: CUBLAS_STATUS_NOT_INITIALIZED when calling `cublasCreate(handle)`"),
    RuntimeError("cuDNN error: CUDNN_STATUS_INTERNAL_ERROR"),
    RuntimeError("cuDNN error: CUDNN_STATUS_EXECUTION_FAILED_CUDART"),
]
PAGE = [
    RuntimeError("CUDA error: invalid configuration argument" + _ADVICE),
    RuntimeError("CUDA error: CUBLAS_STATUS_INVALID_VALUE when calling `cublasSgemm( handle, opa, opb, m, n, k)`"),
    RuntimeError("cuDNN error: CUDNN_STATUS_NOT_SUPPORTED"),
    RuntimeError("The size of tensor a (3) must match the size of tensor b (4) at non-singleton dimension 0"),
]


@pytest.mark.parametrize("error", OUT_OF_MEMORY, ids=str)
def test_out_of_memory(error: Exception) -> None:
    """Device memory that torch, cuBLAS, cuDNN or the processor's allocator lacks is read again with fewer pixels."""
    assert classify(error)[0] is Failure.OUT_OF_MEMORY


@pytest.mark.parametrize("error", POISON, ids=str)
def test_poison(error: Exception) -> None:
    """Errors after which every later call on the device fails, too, cost the engine and not only the page."""
    failure, text = classify(error)
    assert failure is Failure.POISONED
    assert text in str(error)


@pytest.mark.parametrize("error", PAGE, ids=str)
def test_errors_of_a_page(error: Exception) -> None:
    """Errors that leave the context whole cost the page only."""
    assert classify(error)[0] is Failure.PAGE


def test_poison_outweighs_memory() -> None:
    """An error that a broken context caused counts as that, whatever was raised after it."""
    error = OUT_OF_MEMORY[0]
    error.__cause__ = POISON[0]
    assert classify(error)[0] is Failure.POISONED
