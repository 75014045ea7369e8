"""Services as plain processes: the supervisor behind `make run`, its checks, and the state it shows."""
