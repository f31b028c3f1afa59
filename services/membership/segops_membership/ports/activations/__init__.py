"""What activations need from engines and receivers."""
