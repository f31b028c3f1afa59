"""Files on a disk that the API and the worker share."""
