"""Take one job from request to response.

`job_host` runs jobs for the asynchronous callers, each on a thread. `pipeline` starts the `stages` that all jobs share,
and makes the jobs. `parse_job` fetches and renders a job's documents and collects their pages; `page_submission` hands
the pages to the engine; `results` builds the response from the outcomes. `scheduler` queues the pages of all jobs,
`replicas` runs the engines that parse them, and `isolation` limits an engine's error to its page. `stopwatch` measures
the stages.
"""
