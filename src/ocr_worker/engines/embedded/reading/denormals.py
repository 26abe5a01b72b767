"""Denormal numbers: values below 1e-38, with which a processor calculates up to a hundred times as slowly.

Two layers of the line detector hold weights like that, beside which they are nothing. With them a page takes three
times as long. ONNX Runtime has an option against it, but applies it only to the thread that builds the first session.
"""

from __future__ import annotations

import ctypes
import platform

_FLUSH = 0x8040  # bits of MXCSR: denormal results and operands count as zero
_LIBRARY = ctypes.CDLL("libm.so.6") if platform.machine() == "x86_64" else None  # ONNX Runtime needs the GNU C library


class _Environment(ctypes.Structure):
    """The C library's `fenv_t` on x86-64."""

    _fields_ = (("x87", ctypes.c_uint32 * 7), ("mxcsr", ctypes.c_uint32))


def flush_denormals() -> None:
    """Make this thread's processor take denormal numbers for zero; other threads keep their mode.

    Does nothing on other processors than x86-64. Those of ARM calculate with denormal numbers at full speed.
    """
    if _LIBRARY is None:
        return
    environment = _Environment()
    _LIBRARY.fegetenv(ctypes.byref(environment))
    environment.mxcsr |= _FLUSH
    _LIBRARY.fesetenv(ctypes.byref(environment))
