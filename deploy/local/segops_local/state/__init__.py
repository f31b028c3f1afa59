"""What a stack keeps between runs: its folder, its secrets and its ports."""
