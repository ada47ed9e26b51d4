"""Templates from elsewhere, rendered in a process with a limit on time and memory."""
