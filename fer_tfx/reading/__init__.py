"""Files, archives and folders -> rows.

form.py       what a form of input implements: `Form`, and the rows that it gives
csv_form.py   the CSV, in every variant in which FER2013 is found
forms.py      the list of forms
choice.py     which of several files to read
archives.py   archives -> the files in them; unpacking.py: their streams and tars
sources.py    an opened file -> rows, whole or in parts
"""
