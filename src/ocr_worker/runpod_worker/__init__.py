"""The worker process under RunPod's SDK.

`handler.py` connects these modules: `start_up` times the start and reports its failure. `drain` limits the jobs that
run at the same time and stops the worker in order, and `recycling` asks for that when the worker has done enough.
`progress` and `stream` report pages before a job ends, and `dry_run` prints the response of a job without an endpoint.
"""
