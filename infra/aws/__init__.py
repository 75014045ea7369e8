"""Production on AWS: the catalogue on EC2, one ComponentResource a file."""
