"""SDKs against the fault suite, and against each other in a burst."""
