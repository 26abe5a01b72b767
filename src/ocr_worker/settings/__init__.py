"""Read the settings from the environment, once, into frozen models. No other module reads environment variables.

`groups` declares the worker's settings by group. `settings` has all of them in `Settings`: each is in the environment
variable `OCR_<NAME>` unless the platform or another tool names it. `client` has the batch client's, `ClientSettings`.
`values` reads lists and shell lines, and writes values without their secrets. `catalog` lists the settings with name,
group, default and description, for documents and `ocr-worker doctor`. `loading` builds the models and reports problems
under the names of the variables. `processes` sets up the environment of Paddle and of child processes.
"""

from ocr_worker.settings.catalog import (
    SettingField,
    expected_values,
    grouped_fields,
    list_fields,
    variable_name,
)
from ocr_worker.settings.client import ClientSettings
from ocr_worker.settings.groups import GROUPS, USABLE_GPU_SHARE
from ocr_worker.settings.loading import (
    load_client_settings,
    load_settings,
    source_variable,
    unknown_variables,
)
from ocr_worker.settings.processes import (
    are_private_downloads_allowed,
    ca_bundle,
    configure_paddle,
    disable_telemetry,
    dump_settings,
    engine_process_environment,
    is_dry_run,
    is_on_platform,
    keep_logs_from_callers,
    model_server_environment,
    processor_count,
    restore_settings,
    worker_environment,
)
from ocr_worker.settings.settings import MEGABYTE, Settings
from ocr_worker.settings.values import shown_value, written_value

__all__ = [
    "GROUPS",
    "MEGABYTE",
    "USABLE_GPU_SHARE",
    "ClientSettings",
    "SettingField",
    "Settings",
    "are_private_downloads_allowed",
    "ca_bundle",
    "configure_paddle",
    "disable_telemetry",
    "dump_settings",
    "engine_process_environment",
    "expected_values",
    "grouped_fields",
    "is_dry_run",
    "is_on_platform",
    "keep_logs_from_callers",
    "list_fields",
    "load_client_settings",
    "load_settings",
    "model_server_environment",
    "processor_count",
    "restore_settings",
    "shown_value",
    "source_variable",
    "unknown_variables",
    "variable_name",
    "worker_environment",
    "written_value",
]
