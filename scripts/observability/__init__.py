"""Generates Prometheus rules, Grafana dashboards and the tables of docs/monitoring.md from the definitions of metrics."""
