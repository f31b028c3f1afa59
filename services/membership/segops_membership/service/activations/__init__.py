"""The use cases of activations."""
