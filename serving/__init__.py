"""For callers of a model: no TensorFlow is needed here.

prediction.py  the answer for one picture, and what all who answer have in common
shipped.py     the models that come with the package, and whether their files are the ones that were shipped
light.py       a model in its light form, in this process
"""
