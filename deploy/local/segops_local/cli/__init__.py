"""The commands of `python -m segops_local`, and what they show in the terminal."""
