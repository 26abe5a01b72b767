"""One job from request to response: the pipeline, the scheduler, the replicas of the engine."""
