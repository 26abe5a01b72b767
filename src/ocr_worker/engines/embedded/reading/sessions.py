"""Sessions of ONNX Runtime for the engine's models: how many threads, and which memory.

A session takes the memory of a page's activations from an arena of its own. RapidOCR's sessions ask the system for each
of them, which then clears that memory: 8 % of the processor time of scans. The arena of the line detector is
given back after each call, since large pages need gigabytes for a moment. ONNX Runtime would also keep a plan of the
memory for each size of input; the inputs of two models have a size for each page or line.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

Network = Callable[[NDArray[Any]], NDArray[Any]]


def load_session(model: str | bytes, threads: int = 1) -> InferenceSession:
    """Return a session of this model, a file's path or its bytes. threads: that share the work of each call."""
    from onnxruntime import InferenceSession, SessionOptions

    options = SessionOptions()
    options.intra_op_num_threads = threads
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # other models need the processors
    options.add_session_config_entry("session.set_denormal_as_zero", "1")  # on these threads; see `denormals`
    options.enable_mem_pattern = False
    options.log_severity_level = 4  # constants of operators that were replaced are no reason for a warning
    return InferenceSession(model, options, providers=["CPUExecutionProvider"])


def releasing_network(session: InferenceSession) -> Network:
    """Return a function that runs the session, and gives its memory back after each call."""
    from onnxruntime import RunOptions

    options = RunOptions()
    options.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")
    (image,) = session.get_inputs()

    def run(pixels: NDArray[Any]) -> NDArray[Any]:
        result: NDArray[Any] = session.run(None, {image.name: pixels}, options)[0]
        return result

    return run
