"""Routes of activations."""
