"""PyTorch's failures, by its texts and the names of its classes: none was seen on a GPU."""

from __future__ import annotations

import pytest

from ocr_worker.engines.paddleocr_vl.failures import Failure, classify

HINT = "\nCUDA kernel errors might be asynchronously reported at some other API call, so the stacktrace below might be"


class OutOfMemoryError(RuntimeError):
    """Stand in for `torch.OutOfMemoryError`, which is recognized by its name."""


class AcceleratorError(RuntimeError):
    """Stand in for `torch.AcceleratorError`."""


@pytest.mark.parametrize(
    "error",
    [
        OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 79.18 GiB."),
        OutOfMemoryError("HIP out of memory. Tried to allocate 20.00 MiB."),
        AcceleratorError("CUDA error: out of memory" + HINT),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
        RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
        RuntimeError("cuDNN error: CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED"),
    ],
    ids=lambda error: str(error)[:40],
)
def test_a_lack_of_memory_is_one(error: Exception) -> None:
    """PyTorch's allocator, the driver, cuBLAS and cuDNN say in their own words that memory is short."""
    assert classify(error)[0] is Failure.OUT_OF_MEMORY


@pytest.mark.parametrize(
    "error",
    [
        AcceleratorError("CUDA error: an illegal memory access was encountered" + HINT),
        AcceleratorError("CUDA error: device-side assert triggered" + HINT),
        RuntimeError("CUDA error: unspecified launch failure" + HINT),
        RuntimeError("HIP error: an illegal memory access was encountered" + HINT),
        RuntimeError("CUDA error: uncorrectable ECC error encountered"),
        RuntimeError("CUDA error: CUBLAS_STATUS_EXECUTION_FAILED when calling `cublasGemmEx( handle, ...`"),
        RuntimeError("CUDA error: CUBLAS_STATUS_NOT_INITIALIZED when calling `cublasCreate(handle)`"),
        RuntimeError("cuDNN error: CUDNN_STATUS_EXECUTION_FAILED"),
        RuntimeError("cuDNN error: CUDNN_STATUS_INTERNAL_ERROR"),
    ],
    ids=lambda error: str(error)[:40],
)
def test_a_poisoned_process_is_one(error: Exception) -> None:
    """After these errors every later call of the process fails, so that its engine must be replaced."""
    kind, text = classify(error)
    assert kind is Failure.POISONED
    assert text in str(error)


@pytest.mark.parametrize(
    "text",
    [
        "CUDA error: invalid configuration argument",
        "CUDA error: CUBLAS_STATUS_INVALID_VALUE when calling `cublasSgemm( handle, ...`",
        "cuDNN error: CUDNN_STATUS_BAD_PARAM",
        "The size of tensor a (3) must match the size of tensor b (4)",
    ],
)
def test_an_error_of_a_page_is_only_that(text: str) -> None:
    """A call with arguments that do not fit fails alone."""
    assert classify(RuntimeError(text)) == (Failure.PAGE, "")
