"""What `make run` builds from the sources here, once: the console and the SDKs."""
