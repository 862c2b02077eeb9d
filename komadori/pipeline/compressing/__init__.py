"""How a reference picture becomes small enough to send: one module for each thing done to it."""
