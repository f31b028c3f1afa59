"""The use cases, called by the HTTP routes, the event-log consumers and the timers."""
