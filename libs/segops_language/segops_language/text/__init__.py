"""A definition as people read it: its text form, and an English sentence."""
