"""What each kind of predicate measures and how it decides, as SQL."""
