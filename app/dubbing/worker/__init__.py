"""A dubbed stream's process: the files in the order in which a packet passes are source, timeline,
delay line and listener, phrases, sts client, fit, mixer, output."""
