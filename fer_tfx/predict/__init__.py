"""What `fer-tfx predict` and `fer-tfx submission` are made of.

command.py    the two commands: options -> answers written
inputs.py     files and folders -> subjects with their pixels
photos.py     the same by a face detector, and photos with boxes drawn
back_ends.py  who answers: the light model, a SavedModel or a server
output.py     answers -> text, all of it or none
"""
