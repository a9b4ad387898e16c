"""One-shots: cut from loops, or rendered one by one."""
