"""For callers of a model, and for whoever puts it into service: no TensorFlow is needed here.

prediction.py      the answer for one picture, and what all who answer have in common
pictures.py        files of pictures -> pixels, upright, by Pillow
face_detection.py  faces in a photo
shipped.py         the models that come with the package, and whether their files are the ones that were shipped
light.py           a model in its light form, in this process
versions.py        the folder that TensorFlow Serving watches: putting a version into service, and back

client.py          a model behind TensorFlow Serving: pictures -> answers, in batches
errors.py          what can go wrong there: the tree of errors
address.py         which model on which server
inputs.py          what is refused before it is sent
windows.py         pictures of both kinds, in windows that bound the memory
answers.py         what a server said -> answers, or an error rather than a wrong answer
blame.py           which of several files a server can't decode
retries.py         one deadline over all attempts
transport.py       what REST and gRPC have in common
rest_transport.py  REST, by urllib3
grpc_transport.py  gRPC, by tensorflow-serving-api: the one module that imports TensorFlow, when it is used
"""
