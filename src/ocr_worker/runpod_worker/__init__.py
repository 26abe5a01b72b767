"""The worker process under RunPod's SDK: start, drain, recycling, progress, stream, dry run."""
