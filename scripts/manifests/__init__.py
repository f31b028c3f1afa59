"""Generates what Kubernetes, compose and Envoy need from the route table, the list of processes and the settings."""
