"""`ocr-worker`: the same pipeline on files from disk, and what an operator asks before deploying."""

from __future__ import annotations

import argparse
import base64
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ocr_worker import log
from ocr_worker.cli import batch as command
from ocr_worker.errors import InvalidRequest, OcrWorkerError
from ocr_worker.settings import MEGABYTE, load_settings
from ocr_worker.wire.json_schema import wire_schemas
from ocr_worker.wire.schema import DocumentResult, PageResult, default_id

OK, FAILED, USAGE = 0, 1, 2
Commands = Any  # argparse has no public name for what `add_subparsers` gives


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command. Exit codes: 0 all went well, 1 some or all failed, 2 usage."""
    options = _parser().parse_args(arguments)
    try:
        code: int = options.command(options)
    except InvalidRequest as error:
        print(f"ocr-worker: {error}", file=sys.stderr)
        return USAGE
    except OcrWorkerError as error:
        print(f"{error.code}: {error}", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        return 130
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="ocr-worker", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_doors(commands)
    _add_for_operators(commands)
    return parser


def _add_doors(commands: Commands) -> None:
    parse = commands.add_parser("parse", help="parse files or URLs; Markdown on stdout")
    parse.add_argument("sources", nargs="+", metavar="FILE|URL")
    parse.add_argument("--pages", metavar="RANGES", help='1-based, as in "1-3,8"; of every source')
    parse.add_argument("--json", action="store_true", help="the whole answer instead of Markdown")
    parse.add_argument("--engine", help="instead of OCR_ENGINE")
    parse.set_defaults(command=_parse)

    endpoint = commands.add_parser("endpoint", help="RunPod's job API on this machine, in front of real workers")
    endpoint.add_argument("--workers", type=int, default=1, metavar="N", help="processes of the handler (1)")
    endpoint.add_argument("--port", type=int, default=8090, help="on 127.0.0.1 (8090); 0 picks one")
    endpoint.add_argument("--handler", type=Path, default=Path("handler.py"), help="what the workers run (handler.py)")
    endpoint.add_argument("--api-key", help="refuse callers that do not bring it; without it everybody is let in")
    endpoint.add_argument("--execution-timeout", type=float, metavar="S", help="of jobs that name none (600)")
    endpoint.add_argument("--ttl", type=float, metavar="S", help="of jobs that name none (86400)")
    endpoint.add_argument("--retention", type=float, metavar="S", help="of results: 1800 of /run, 60 of /runsync")
    endpoint.add_argument("--answer-limit-mb", type=float, metavar="MB", help="largest answer of a worker (10)")
    endpoint.add_argument("--log-dir", type=Path, help="a file for each worker's output there, instead of stderr")
    endpoint.set_defaults(command=_endpoint)

    batch = commands.add_parser("batch", help="a folder of documents through an endpoint, resumable")
    command.add_commands(batch)

    serve = commands.add_parser("serve", help="the HTTP app: parse, health, PaddleX's routes, a page to try it")
    serve.add_argument("--host", default="127.0.0.1", help="address to listen on (127.0.0.1)")
    serve.add_argument("--port", type=int, help="instead of PORT")
    serve.add_argument("--open", action="store_true", help="let everybody in who reaches the address")
    serve.set_defaults(command=_serve)


def _add_for_operators(commands: Commands) -> None:
    weights = commands.add_parser("weights", help="fetch, verify or find the weights of PaddleOCR-VL")
    weights.add_argument("action", choices=["fetch", "verify", "path"])
    weights.add_argument("--version", choices=["v1", "v1.5", "v1.6"], help="instead of OCR_VL_VERSION")
    weights.add_argument(
        "--source", choices=["huggingface", "modelscope", "aistudio", "bos"], help="the hub to ask first"
    )
    weights.set_defaults(command=_weights)

    doctor = commands.add_parser("doctor", help="what would run here; exit code 1 when the worker could not start")
    doctor.set_defaults(command=_doctor)

    schema = commands.add_parser("schema", help="write the JSON Schema of request and answer")
    schema.add_argument("folder", type=Path)
    schema.set_defaults(command=_schema)


# --------------------------------------------------------------------------- parse


def _parse(options: argparse.Namespace) -> int:
    from ocr_worker.parsing.pipeline import Pipeline
    from ocr_worker.wire.request import parse_request

    settings = load_settings()
    if options.engine:
        settings = settings.model_copy(update={"engine": options.engine})
    log.configure("ERROR")
    documents = [_document(source, options.pages) for source in options.sources]
    request = parse_request({"documents": documents}, settings.engine)
    pipeline = Pipeline(settings)
    pipeline.start()
    progress = _Progress(options.sources)
    with progress.display:
        response = pipeline.job(request, "cli", progress.on_page).run()
    pipeline.close()
    if options.json:
        print(json.dumps(response.model_dump(mode="json", exclude_none=True), ensure_ascii=False, indent=2))
    for source, document in zip(options.sources, response.documents, strict=True):
        if document.markdown and not options.json:
            print(document.markdown)
        _tell_faults(source, document)
    return OK if response.status == "succeeded" else FAILED


def _tell_faults(source: str, document: DocumentResult) -> None:
    name = source.partition("?")[0]
    if document.error and not document.pages:
        print(f"{name}: {document.error.code}: {document.error.message}", file=sys.stderr)
    for page in document.pages:
        for told in [page.error] if page.error else page.warnings:
            print(f"{name}: page {page.page}: {told.code}: {told.message}", file=sys.stderr)
    for warning in document.warnings:
        print(f"{name}: {warning.code}: {warning.message}", file=sys.stderr)


def _document(source: str, pages: str | None) -> dict[str, str]:
    ranges = {"pages": pages} if pages else {}
    if "://" in source:
        return {"url": source, **ranges}
    try:
        data = Path(source).read_bytes()
    except OSError as error:
        raise InvalidRequest(f"{source}: {error.strerror}") from None
    return {"base64": base64.b64encode(data).decode(), **ranges}


class _Progress:
    """Pages done, on stderr; quiet where that is no terminal."""

    def __init__(self, sources: Sequence[str]) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

        console = Console(stderr=True)
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        self.display = Progress(*columns, console=console, disable=not console.is_terminal, transient=True)
        self._tasks = {
            default_id(number): self.display.add_task(Path(source.partition("?")[0]).name, total=None)
            for number, source in enumerate(sources, start=1)
        }

    def on_page(self, name: str, expected: int, page: PageResult) -> None:
        """Told by the pipeline of each page."""
        self.display.update(self._tasks[name], total=expected, advance=1)


# --------------------------------------------------------------------------- for operators


def _weights(options: argparse.Namespace) -> int:
    from ocr_worker.engines.paddleocr_vl import weights

    given = {"vl_version": options.version, "weights_source": options.source}
    settings = load_settings().model_copy(update={name: value for name, value in given.items() if value})
    log.configure("INFO")
    found = weights.fetch(settings) if options.action == "fetch" else weights.locate(settings)
    for part, directory in found.items():
        print(directory if options.action == "path" else f"{part}: whole, in {directory}")
    return OK


def _serve(options: argparse.Namespace) -> int:
    from ocr_worker.app.serving import serve

    settings = load_settings()
    log.configure(settings.log_level)
    serve(settings, options.host, is_open=options.open, port=options.port)
    return OK


def _doctor(options: argparse.Namespace) -> int:
    from ocr_worker.cli import doctor

    report = doctor.examine(load_settings())
    print("\n".join(report.lines))
    return OK if report.ok else FAILED


def _endpoint(options: argparse.Namespace) -> int:
    from ocr_worker.cli import endpoint as command
    from ocr_worker.endpoint import Limits

    if not options.handler.is_file():
        raise InvalidRequest(f"{options.handler} is not there; --handler names the file that the workers run")
    given = {
        "execution_timeout_s": options.execution_timeout,
        "ttl_s": options.ttl,
        "run_retention_s": options.retention,
        "runsync_retention_s": options.retention,
        "answer": options.answer_limit_mb and int(options.answer_limit_mb * MEGABYTE),
    }
    limits = Limits(**{name: value for name, value in given.items() if value is not None})
    try:
        command.serve(options.workers, options.port, options.handler, options.api_key, limits, options.log_dir)
    except OSError as error:
        raise InvalidRequest(f"port {options.port}: {error.strerror}") from None
    return OK


def _schema(options: argparse.Namespace) -> int:
    options.folder.mkdir(parents=True, exist_ok=True)
    for name, schema in wire_schemas().items():
        (options.folder / name).write_text(json.dumps(schema, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        print(options.folder / name)
    return OK


if __name__ == "__main__":
    sys.exit(main())
