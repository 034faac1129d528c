"""The commands of the library: what they read and write; `fer_tfx.cli` has their arguments."""
