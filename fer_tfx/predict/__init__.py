"""What `fer-tfx predict` and `fer-tfx submission` are made of.

arguments.py     their options on the command line
inputs.py        what was given -> pictures or rows, told apart by content
pictures.py      files and folders of pictures -> subjects with their pixels
photos.py        the same by a face detector, and photos with boxes drawn
csv_faces.py     the rows of a CSV -> subjects with their pixels
subjects.py      what an answer is about, and the answers, batch by batch
back_ends.py     who answers: the light model, a SavedModel or a server
model_folder.py  --model -> the SavedModel to load
predictor.py     loads it and asks its signature; the only file that imports TensorFlow
formats.py       answers -> text
output.py        all of the text or none of it
progress.py      a bar while it takes time
"""
