"""The folder that TensorFlow Serving watches: versions.py has the rules, folder.py keeps them in local files."""
