"""What `fer-tfx predict` and `fer-tfx submission` are made of; command.py is the whole of them."""
