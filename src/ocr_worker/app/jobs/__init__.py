"""The PaddleOCR job API: the API of the hosted PaddleOCR (`/api/v2/ocr/jobs`), for its clients.

A client submits a file, asks for the state of its job until it is done, and fetches the result as JSON lines, then the
pictures. `route` has the routes and the form of responses and errors. `submission` reads and translates what is
submitted, `results` translates what was parsed, both through `app.paddlex`. Two services run the jobs (`service`):
`local` on the engine of this process, with its state on disk (`store`), and `endpoint` at a RunPod endpoint, with its
state in signed `tokens`. `addresses` finds the address under which a client reaches the app.

submission ─▶ local ─▶ store, worker      ─▶ results ─▶ route
           └▶ endpoint ─▶ tokens, RunPod ─┘
"""
