"""The program that brings a host to its release. It travels in every bundle and runs on the host itself.

It needs the standard library alone, but for boto3 at its outermost edge; Python 3.10 is enough.
"""
