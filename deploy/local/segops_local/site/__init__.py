"""The documentation site: which files are its pages, and what is made of them before the generator runs."""
