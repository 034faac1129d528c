"""python answer.py MODEL EXAMPLES: probabilities of a SavedModel, by signature, from either loader, as JSON."""

import json
import sys

import numpy as np
import tensorflow as tf

from components.serving_probe import ask, make_requests, read_examples, read_warm_up
from fer_tfx.contract import PROBABILITIES_KEY


def main(model: str, examples: str) -> None:
    requests = make_requests(read_examples(examples))
    by_tf1 = ask(model, requests, read_warm_up(model))
    signatures = tf.saved_model.load(model).signatures
    by_tf2 = {name: signatures[name](tf.constant(request)) for name, request in requests.items()}
    answers = {
        f"{loader} {name}": np.asarray(answer[PROBABILITIES_KEY]).tolist()
        for loader, by_name in (("tf1", by_tf1), ("tf2", by_tf2))
        for name, answer in by_name.items()
    }
    print(json.dumps(answers))


if __name__ == "__main__":
    main(*sys.argv[1:])
