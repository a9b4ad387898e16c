"""Where a DAW is: the `Transport` record, what reports one, and a clock's line through its ticks."""
