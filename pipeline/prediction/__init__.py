"""What `fer-tfx predict` is made of.

model_folder.py  --model -> the SavedModel to load, and its abstain threshold
predictor.py     loads it and asks its signatures; the only file that imports TensorFlow
pictures.py      files and folders of pictures -> predictions
csv_faces.py     the rows of a CSV -> predictions
formats.py       predictions -> text
output.py        all of the text or none of it
"""
