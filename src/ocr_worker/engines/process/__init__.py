"""Engines in processes of their own: what can crash, hang or leak is a process that can be killed and started again.

`engine` has `ProcessEngine`, which is an `Engine` for the worker and keeps one process at a time; `process` is that
process as the worker sees it. `child` is the program of the process: it builds the engine that `OCR_ENGINE` chooses and
calls it. `protocol` has the messages between the two.
"""
