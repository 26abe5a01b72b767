"""The contract of an engine: what it declares (`EngineSpec`) and what it does (`Engine`).

An `EngineSpec` is a constant in a module that is cheap to import: no engine library, no network, no GPU. The worker
uses it to check requests, to write schemas, and to answer `doctor` and `weights`, all without an engine. An `Engine` is
a loaded model; the builder that the spec names returns one for each replica.

`OCR_ENGINE` chooses an engine by name: one of `registry.BUILT_IN`, or `module:attribute`, where the attribute is an
`EngineSpec` in any installed package. `examples/own_engine/` is a complete one.

The functions of a spec are called in the worker's process, on any thread, some of them on several threads at the same
time; they must neither block nor change anything. Each engine has a thread of its own: it is built there, and
`warm_up`, `parse`, `revive` and `close` are called there and nowhere else. The other methods of the two optional
protocols are called on other threads, as their descriptions say.

With `OCR_ENGINE_PROCESSES`, each engine is built and called in a process of its own (`process`), by the same rules: its
thread is then that process's main thread. An engine needs nothing for it, unless its replicas share something that must
be in the worker's process, such as a model server: `ProcessParts` divides it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar, runtime_checkable

from ocr_worker.errors import OcrWorkerError
from ocr_worker.pages import PageImage, ParsedPage
from ocr_worker.settings import Settings
from ocr_worker.wire.schema import Block, EngineInfo, ParseOptions

Options = TypeVar("Options", bound=ParseOptions)
OptionsRead = TypeVar("OptionsRead", bound=ParseOptions, contravariant=True)


# --------------------------------------------------------------------------- what an engine does


class Engine(Protocol[OptionsRead]):
    """A loaded model. `OptionsRead` is the options model of its spec.

    The attributes are read on any thread once the builder has returned, and must not change afterwards.

    info: name, version and backend, as every response reports them; part of the key of stored pages.
    batch_size: largest number of pages in one call of `parse`.
    """

    info: EngineInfo
    batch_size: int

    def warm_up(self) -> None:
        """Parse a page with known text, so that the first job does not wait for anything that is loaded late.

        Called once, after the builder, on the engine's thread; the worker takes no job before all replicas return. A
        process for a single job leaves it out unless the spec has `proves_by_warm_up`.
        Raises EngineUnavailable when the known text is not in the result: the worker then does not start.
        """
        ...

    def parse(self, pages: Sequence[PageImage], options: OptionsRead) -> Sequence[ParsedPage]:
        """Parse the pages; return one result for each, in their order.

        Called on the engine's thread, once for each batch. The pages may belong to different jobs; all have equal
        options. May raise anything: the worker repeats a failed batch page by page, so that an error affects only the
        page that causes it. An OcrWorkerError becomes the page's error as it is; any other exception becomes
        PAGE_FAILED, with its traceback in the log. EngineUnavailable means that the engine cannot continue: the worker
        then finishes its jobs and asks for a replacement. A call that takes longer than `OCR_ENGINE_TIMEOUT_S` counts
        as hanging and is abandoned with its thread.
        """
        ...

    def close(self) -> None:
        """Release the engine's resources.

        Called once, on the engine's thread, when the worker stops or the engine is lost.
        """
        ...


@runtime_checkable
class Revives(Protocol):
    """An engine whose work is done by another process, completely or in part, which may die and can be started again.

    Optional: the worker tests each engine for it. An engine without it is lost after its first hanging call.
    """

    def revive(self) -> None:
        """Wait until the other process can be used.

        Called on the engine's thread before each batch, before its repetition when a call raised EngineCrashed, and
        after a failed call; may take minutes.
        Raises EngineUnavailable when the process will not come back: the engine is then lost.
        """
        ...

    def abandon(self) -> OcrWorkerError | None:
        """End the other process, whose call failed or hangs. Return why it will not come back, or None if it will.

        Called on the watchdog's thread while `parse` may still be running, and on the engine's thread after a failed
        call; more than once for one call. Must not block or raise.
        """
        ...

    def lost(self) -> OcrWorkerError | None:
        """Return why the other process will not come back, or None. Called on the watchdog's thread; must not raise."""
        ...


@runtime_checkable
class MergesPages(Protocol):
    """An engine that can revise a whole document: join tables over page breaks, level titles.

    Required of an engine whose spec has a `merges_pages` that can return True.
    """

    def merge_pages(self, pages: Sequence[ParsedPage | None]) -> Sequence[ParsedPage | None]:
        """Return the document's pages, revised; in their order, and as many as came in.

        pages: in order; None for a page that failed. What the engine knows of a page beyond `ParsedPage` is its `raw`.
        Called on a job's thread while the engine's own thread parses, for several jobs at once, and after the engine
        was lost or closed: it depends on `pages` alone and uses none of the engine's state. An exception fails the
        document; after EngineUnavailable and EngineCrashed, another replica is tried once.
        """
        ...


# --------------------------------------------------------------------------- what an engine declares


@dataclass(frozen=True, slots=True)
class Weights:
    """Model weights outside the package, as `ocr-worker weights` manages them; called on its main thread.

    locate: return the directory of each part, after checking that it is complete. Uses no network.
        Raises WeightsMissing, with a message that says what is missing and how to get it.
    fetch: download the parts that are missing, and return the directory of each. Raises WeightsMissing.
    flags: flags of the command, without their dashes, and the setting that each replaces. The setting is a Literal; its
        values are the flag's choices.
    """

    locate: Callable[[Settings], Mapping[str, Path]]
    fetch: Callable[[Settings], Mapping[str, Path]]
    flags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """Findings of an engine about its own start, for `ocr-worker doctor`.

    lines: facts, such as versions, paths and devices. remedies: for each obstacle to a start, what to do about it; none
    when the engine can start.
    """

    lines: Sequence[str] = ()
    remedies: Sequence[str] = ()


class WorkerPart(Protocol):
    """The part of an engine that stays in the worker's process when the engine has a process of its own.

    Each engine has its own. It outlives the engine's processes, of which there is one at a time.
    """

    def call(self, method: str, arguments: Sequence[Any]) -> Any:
        """Do what the engine process asks for. Arguments and result are JSON. May block, and may raise anything.

        Called on the engine's thread, or on a job's thread, while that thread waits for the engine process.
        """
        ...

    def examine(self) -> None:
        """Look after what this part holds. Called on the same threads after a call that was given up."""
        ...

    def lost(self) -> OcrWorkerError | None:
        """Return why the engine cannot continue, or None. Called on the watchdog's thread; must not raise."""
        ...

    def close(self) -> None:
        """Release the resources. Called once, on the engine's thread."""
        ...


CallWorker = Callable[..., Any]
"""In an engine process: call `WorkerPart.call` with a method and arguments. Only on the process's main thread."""


@dataclass(frozen=True, slots=True)
class ProcessParts(Generic[Options]):
    """The division of an engine between the worker's process and its own.

    worker_part: called once in the worker, when the pipeline is made; the function that it returns is called on the
        thread of each replica, on all of them at the same time, and is the place for what all replicas share. It raises
        what `EngineSpec.builder` may raise.
    builder: called in the engine process, in place of `EngineSpec.builder`.
    """

    worker_part: Callable[[Settings], Callable[[], WorkerPart]]
    builder: Callable[[Settings, CallWorker], Callable[[], Engine[Options]]]


@dataclass(frozen=True, slots=True)
class BlockRepair(Generic[Options]):
    """The way to read blocks of a page once more, for the option `verify: repair`. The engine implements `MergesPages`.

    options: return the options with which the crop of a block is parsed as a page of its own, in another way than the
        first time. Called on a document's thread, with the request's options and the label of the block.
    with_blocks: return the page with these blocks in place of its own; its Markdown follows from `merge_pages`, which
        is then called with this page alone, or with the whole document if `merges_pages` says so. Called on a
        document's thread, only for pages that were parsed with `verify: repair`.
    """

    options: Callable[[Options, str, Settings], Options]
    with_blocks: Callable[[ParsedPage, Sequence[Block]], ParsedPage]


def _always_false(options: ParseOptions) -> bool:
    return False


def _always_true(options: ParseOptions) -> bool:
    return True


def _accept_options(options: ParseOptions, settings: Settings) -> None:
    return None


def _same_options(options: Options, settings: Settings) -> Options:
    return options


def _one_replica(settings: Settings) -> int:
    return 1


def _no_processes(settings: Settings) -> bool:
    return False


def _no_findings(settings: Settings) -> Diagnosis:
    return Diagnosis()


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineSpec(Generic[Options]):
    """The declaration of an engine. Only the first three members are required."""

    name: str
    """Name of the engine in messages, and in the file name of its request schema; not the name of another engine."""

    options: type[Options]
    """Options of a request: `ParseOptions`, or a subclass that adds the engine's own.

    Read by the request check, by `ocr-worker schema` and by the HTTP app's OpenAPI, without an engine. A field's
    description is shown to users. Unknown options are rejected, so that every field must have an effect.
    """

    builder: Callable[[Settings], Callable[[], Engine[Options]]]
    """Return the function that builds one engine.

    Called once, when the pipeline is made; it must return at once, and is the place for what all replicas share. The
    function that it returns is called once on the thread of each replica, on all of them at the same time. It loads the
    model, and may take up to `OCR_START_TIMEOUT_S`, together with `Engine.warm_up`. It raises an OcrWorkerError that
    says what to do, such as WeightsMissing, SettingsInvalid or EngineUnavailable: the worker then does not start.
    """

    preferred_dpi: int = 144
    """Resolution at which PDF pages are rendered unless the request sets `dpi`."""

    replicas: Callable[[Settings], int] = _one_replica
    """Return how many engines run side by side, at least 1. Called once, when the pipeline is made."""

    has_processes: Callable[[Settings], bool] = _no_processes
    """Return whether each engine has a process of its own when `OCR_ENGINE_PROCESSES` is not set.

    Called when the pipeline is made, and by `ocr-worker doctor`.
    """

    proves_by_warm_up: bool = True
    """Whether `Engine.warm_up` proves what no engine should be without, such as the right weights.

    If it does not, a process for a single job, as `ocr-worker parse`, leaves it out: its first page waits as long.
    """

    process_parts: ProcessParts[Options] | None = None
    """Division of an engine that has a process of its own; None: the engine is built there completely."""

    check_options: Callable[[Options, Settings], None] = _accept_options
    """Reject options that are valid in themselves, but that this worker would have to ignore.

    Called for each job, on any thread, before a document is fetched. Raises InvalidRequest, with every problem in its
    message.
    """

    fill_options: Callable[[Options, Settings], Options] = _same_options
    """Return the options with this worker's defaults in place of None.

    Called for each job, on any thread, after `check_options`. The engine and all functions below get its result.
    """

    wants_text_layer: Callable[[Options], bool] = _always_false
    """Return whether the engine reads `PageImage.text_lines`.

    Called for each document, on one of its job's threads, before the document is opened.
    """

    reads_repeated_lines: bool = True
    """Whether the engine reads `TextLine.is_repeated`, for which the pages around each page are looked at."""

    merges_pages: Callable[[Options], bool] = _always_false
    """Return whether the document's pages go through `MergesPages.merge_pages` once all are parsed.

    Called for each document, on one of its job's threads.
    """

    weights: Weights | None = None
    """Model weights that `ocr-worker weights` manages; None: the engine has none, or they come with its package."""

    diagnose: Callable[[Settings], Diagnosis] = _no_findings
    """Return the obstacles to a start. Called by `ocr-worker doctor`, on its main thread.

    Loads no engine library and uses no network, so that it works where the engine does not. Must not raise.
    """

    keeps_pixels: Callable[[Options], bool] = _always_true
    """Return whether boxes refer to the page image as it was rendered, neither turned nor flattened.

    Called for each document, on one of its job's threads. The option `verify` compares such pages only.
    """

    reads_as_witness: bool = False
    """Whether the engine reads pages with the models of the witness, so that `verify` would compare it with itself."""

    block_repair: BlockRepair[Options] | None = None
    """Way to read blocks once more; None: `verify: repair` is rejected."""

    variables: Mapping[str, str] = field(default_factory=dict)
    """Environment variables that the engine reads itself: name to description. `ocr-worker doctor` lists them.

    A name may be a pattern such as `COLOR_*`. The worker logs a warning for every variable that begins with `OCR_` and
    is neither declared here nor a setting. It does not start with one that is almost the name of a setting, such as
    `OCR_ENGINES`: give the engine's variables a prefix of its own.
    """
