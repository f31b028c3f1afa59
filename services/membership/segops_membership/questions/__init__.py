"""One file per condition type: its predicates, what they mean in SQL and in Python, and how a condition becomes one."""
