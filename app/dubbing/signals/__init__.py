"""What comes beside picture and sound in a transport stream: splices, timed ID3, and on which clock.

Who reads the stream tells of them (`Signal`), who makes something of the stream places them (`StreamClock`).
"""
