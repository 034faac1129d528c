"""A model behind TensorFlow Serving: pictures -> answers, in batches.

client.py     what callers use
checks.py     pictures before they are sent, answers before they are believed
transport.py  the address, one attempt, retries; rest.py and grpc.py are the two that there are
"""
