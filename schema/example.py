"""The only codec between a row and a tf.Example.

The wire format is written by hand: one feature map of four entries is a few concatenations, where building
the message object costs five times as much and is the largest part of ingesting a row. The test reads it
back with TensorFlow's own parser.
"""
