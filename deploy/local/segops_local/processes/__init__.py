"""One program as a child process: started, watched, asked whether it is ready, stopped."""
