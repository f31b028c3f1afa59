"""What an event is: rules without input or output."""
