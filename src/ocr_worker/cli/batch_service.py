"""The service of a batch command: its arguments, and what is checked before jobs are sent: target, options, price.

The target is the id of an endpoint, this process, or a Ray cluster: by an argument, or as in the batch's last run.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import uuid
from collections.abc import Callable, Coroutine, Iterable
from typing import Any

from ocr_worker import log
from ocr_worker.batch.batch import Batch
from ocr_worker.batch.folders import LEDGER, Folder
from ocr_worker.batch.inputs import Item
from ocr_worker.batch.local import LocalPipeline
from ocr_worker.batch.runner import RunOptions
from ocr_worker.cli.arguments import (
    add_password_arguments,
    check_options_of_any,
    positive_int,
    positive_number,
    read_options,
)
from ocr_worker.cli.batch_plan import deadline
from ocr_worker.client.remote import RemoteEndpoint
from ocr_worker.client.service import Service
from ocr_worker.engines.registry import BUILT_IN, engine_spec
from ocr_worker.errors import BatchUnusable, InvalidRequest
from ocr_worker.settings import ClientSettings, load_client_settings, load_settings

RAY = "--ray"
LOCAL = "--local"  # with dashes, because an endpoint may be called `local`


def add_service_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of a command that sends jobs: the service, its limits and its price."""
    _add_target_arguments(parser)
    _add_ray_arguments(parser)
    parser.add_argument(
        "--pages-per-job",
        type=positive_int,
        default=10,
        metavar="N",
        help="largest number of pages per job; default: 10",
    )
    add_password_arguments(parser)
    parser.add_argument(
        "--json", action="store_true", help="print JSON lines on standard output: progress, failed documents, the end"
    )
    _add_cost_arguments(parser)


def _add_target_arguments(parser: argparse.ArgumentParser) -> None:
    service = parser.add_mutually_exclusive_group()
    service.add_argument(
        "--endpoint",
        metavar="ID",
        help="parse on this RunPod endpoint, with the key in RUNPOD_API_KEY; default: as in the last run",
    )
    service.add_argument("--local", action="store_true", help="parse in this process, with the engine of OCR_ENGINE")
    service.add_argument(
        "--ray",
        nargs="?",
        const="auto",
        metavar="ADDRESS",
        help="parse in actors of this Ray cluster, with the engine of OCR_ENGINE; default: the cluster of this machine",
    )


def _add_cost_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--price-per-second",
        type=positive_number,
        metavar="X",
        help="price of a worker in US dollars, for the cost; default: as in the last run",
    )
    parser.add_argument(
        "--idle-timeout-s",
        type=positive_number,
        metavar="S",
        help="idle timeout of the endpoint in seconds: the cost then includes the time in which workers wait for jobs;"
        " default: as in the last run",
    )
    parser.add_argument(
        "--max-cost",
        type=positive_number,
        metavar="X",
        help="submit no more jobs when the estimated cost, cold starts included, would exceed this; not the upper bound"
        " of the cost, which counts a second of a worker for each job that shares it",
    )
    parser.add_argument(
        "--deadline",
        type=deadline,
        metavar="TIME",
        help="submit no more jobs that would end after this time: 18:00, or a date and time such as 2026-03-01T18:00",
    )


def _add_ray_arguments(parser: argparse.ArgumentParser) -> None:
    actors = parser.add_argument_group("actors of --ray")
    actors.add_argument("--ray-actors", type=positive_int, default=1, metavar="N", help="number of actors; default: 1")
    actors.add_argument(
        "--ray-cpus", type=positive_number, default=1.0, metavar="X", help="processors for each actor; default: 1"
    )
    actors.add_argument(
        "--ray-gpus",
        type=positive_number,
        default=0.0,
        metavar="X",
        help="GPUs for each actor; 0.5 lets two share a card; default: none",
    )
    actors.add_argument(
        "--ray-idle",
        type=positive_number,
        default=600.0,
        metavar="S",
        help="seconds without a run after which an actor ends itself; default: 600",
    )


def check_all_options(items: Iterable[Item], options: dict[str, Any], target: str) -> None:
    """Check the options of the command line and of all documents, each set once. Raises InvalidRequest."""
    _check_options(options, target, "--options")
    checked_options = set()
    for item in items:
        key = json.dumps(item.options, sort_keys=True)
        if item.options and key not in checked_options:
            checked_options.add(key)
            _check_options({**options, **item.options}, target, f"the options of {item.name}")


def _check_options(options: dict[str, Any], target: str, name: str) -> None:
    """Check request options before a batch has them. An endpoint may run any engine, so its own options pass, too."""
    settings = load_settings()
    if _runs_our_engine(target):
        spec = engine_spec(settings.engine)
        spec.check_options(read_options(options, spec, name), settings)
    else:
        check_options_of_any(options, [engine_spec(engine) for engine in (settings.engine, *BUILT_IN)], name)


def open_read_only(options: argparse.Namespace, password: str | None = None) -> Batch:
    """Return the batch in the folder, open for reading. Raises BatchUnusable when the folder has no ledger.

    password: of encrypted documents, where a command opens them again.
    """
    if not (options.out / LEDGER).exists():
        raise BatchUnusable(f"there is no batch in {options.out}: name the folder that was given to --out")
    batch = Batch(options.out, password=password)
    batch.open_read_only()
    return batch


def open_before_run(options: argparse.Namespace) -> Batch:
    """Return the batch in the folder, open for reading, for the checks before a run. Raises BatchUnusable."""
    if (options.out / LEDGER).exists():
        Folder(options.out).check_writable()
    return open_read_only(options)


def run_in_batch(
    options: argparse.Namespace, command: Callable[[Batch], Coroutine[Any, Any, int]], password: str | None = None
) -> int:
    """Open the batch of the options, with the service that they or the last run name, and run `command` on it."""
    log.configure("ERROR")

    async def open_and_run() -> int:
        run_options = RunOptions(
            job_pages=options.pages_per_job,
            max_cost=options.max_cost,
            deadline=options.deadline.timestamp() if options.deadline else None,
        )
        result_format, result_url = vars(options).get("format"), vars(options).get("result_url", "")
        batch = Batch(options.out, None, run_options, None, password, result_format, result_url)
        async with batch:
            batch.set_service(_make_service(batch, options))
            if options.idle_timeout_s is not None:
                batch.ledger.put("idle_timeout_s", str(options.idle_timeout_s))
            if options.price_per_second is not None:
                batch.ledger.put("price_per_second", str(options.price_per_second))
            elif not batch.ledger.get("price_per_second"):
                check_price(options)
            return await command(batch)

    return asyncio.run(open_and_run())


def check_price(options: argparse.Namespace) -> None:
    """Raise InvalidRequest if a cost limit has no price."""
    if options.max_cost is not None and options.price_per_second is None:
        raise InvalidRequest("--max-cost needs --price-per-second, the price of one worker in US dollars")


def last_target_of(options: argparse.Namespace) -> str:
    """Return the target of the last run; empty: there was none. Raises BatchUnusable."""
    batch = open_before_run(options)
    target = batch.ledger.get("target")
    batch.ledger.close()
    return target


def target_of(options: argparse.Namespace, last_target: str = "") -> str:
    """Return the endpoint's id or `LOCAL`. Raises InvalidRequest when neither the options nor the last run say it."""
    chosen_target = LOCAL if options.local else f"{RAY} {options.ray}" if options.ray else options.endpoint
    if target := chosen_target or last_target:
        return str(target)
    raise InvalidRequest("choose where to parse: add --local for this machine, or --endpoint ID, or --ray ADDRESS")


def _runs_our_engine(target: str) -> bool:
    """Return whether the jobs run with this process's settings, and not at an endpoint."""
    return target == LOCAL or target.startswith(f"{RAY} ")


def load_settings_of_client(target: str) -> ClientSettings:
    """Return the settings for an endpoint. Raises InvalidRequest when it is the platform's and has no key."""
    client = load_client_settings()
    is_platform = client.base_url == ClientSettings.model_fields["base_url"].default
    if not _runs_our_engine(target) and is_platform and client.api_key is None:
        raise InvalidRequest(
            f"--endpoint {target} needs a key: set RUNPOD_API_KEY"
            " (for `ocr-worker endpoint`, set RUNPOD_ENDPOINT_BASE_URL to its URL instead)"
        )
    return client


def _make_service(batch: Batch, options: argparse.Namespace) -> Service:
    """Return the service that the options name, or the last one, and store its name in the ledger."""
    target = target_of(options, batch.ledger.get("target"))
    client = load_settings_of_client(target)
    batch.ledger.put("target", target)
    if not target.startswith(f"{RAY} "):
        return _service_of(target, client)
    # The largest number of actors of all runs: `cancel` ends them all.
    batch.ledger.put("ray_actors", str(max(options.ray_actors, int(batch.ledger.get("ray_actors", "1")))))
    return _ray_cluster(target, batch.ledger.idempotency_key, options)


def make_plan_service(options: argparse.Namespace) -> Service:
    """Return the service that parses the sample of a plan. On a Ray cluster, it is one actor, which ends with the plan.

    Raises InvalidRequest: the options name no service.
    """
    target = target_of(options)
    client = load_settings_of_client(target)
    if target.startswith(f"{RAY} "):
        return _ray_cluster(target, f"plan-{uuid.uuid4()}", options, is_for_plan=True)
    return _service_of(target, client)


def _ray_cluster(target: str, batch: str, options: argparse.Namespace, *, is_for_plan: bool = False) -> Service:
    from ocr_worker.batch.ray_cluster import RayCluster, RayOptions

    ray_options = RayOptions(
        actors=1 if is_for_plan else options.ray_actors,
        num_cpus=options.ray_cpus,
        num_gpus=options.ray_gpus,
        idle_s=options.ray_idle,
        is_detached=not is_for_plan,
    )
    return RayCluster(target.partition(" ")[2], batch, load_settings(), ray_options)


def _service_of(target: str, client: ClientSettings) -> Service:
    if target == LOCAL:
        return LocalPipeline(load_settings())
    return RemoteEndpoint(client.base_url, target, client.api_key)
