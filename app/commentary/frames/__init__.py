"""Where pictures come from: one interface, and what implements it."""
