"""What is sent when, in which form, and what a response means; without sockets, threads or a clock."""
