"""An ensemble of two networks: to a pushed version that answers with the mean of their logits."""

from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from small_run import LENIENT_GATE, TINY_NETWORK

from components.model_facts import read_extras
from fer_tfx.contract import PROBABILITIES_KEY, SERVE_PIXELS

SETTINGS = {
    "ensemble__members": "[{trainer.seed: 5, model.stem_filters: 8}]",
    **TINY_NETWORK,
    "trainer__precision": "float32",
    "export__half_precision": "false",
    **LENIENT_GATE,
    "gate__min_class_recall": "0",
    "gate__min_corrupted_accuracy": "0",
}


def answer(model: str) -> Any:
    """Logits, up to a constant of each row."""
    pixels = np.random.default_rng(1).integers(0, 256, (16, 48, 48, 1), np.uint8)
    probabilities = tf.saved_model.load(model).signatures[SERVE_PIXELS](pixels=pixels)[PROBABILITIES_KEY].numpy()
    logits = np.log(probabilities) * read_extras(model)[0]["temperature"]
    return logits - logits.mean(axis=1, keepdims=True)


def test_run_with_a_member_pushes_the_mean_of_both_and_tells_of_them(workshop: Any, tiny: Any) -> None:
    alone = workshop.run(tiny, **{**SETTINGS, "ensemble__members": "[]"})
    assert alone.exit_code == 0, alone.stdout + alone.stderr
    only = f"{workshop.nodes()['Trainer'].outputs['model'].uri}/Format-Serving"
    first = answer(only)
    done = workshop.run(tiny, **SETTINGS)
    assert done.exit_code in (0, 3), done.stdout + done.stderr
    nodes = workshop.nodes()
    second = answer(f"{nodes['Member1'].outputs['model'].uri}/Format-Serving")
    joined = f"{nodes['Trainer'].outputs['model'].uri}/Format-Serving"
    np.testing.assert_allclose(answer(joined), (first + second) / 2, atol=1e-4)
    assert np.abs(first - second).max() > 0.01
    record = read_extras(joined)[1]
    assert [each["model"]["stem_filters"] for each in record["members"]] == [8]
    total = read_extras(only)[1]["parameters"] + record["members"][0]["parameters"]
    assert record["parameters"] == total
    card = Path(nodes["ModelCard"].outputs["card"].uri, "MODEL_CARD.md").read_text()
    assert f"{total:,} parameters in 2 networks, whose logits are averaged" in card
    page = Path(nodes["HtmlReport"].outputs["report"].uri, "report.html").read_text()
    assert "Networks, whose logits are averaged" in page


def test_model_of_an_earlier_run_joins_as_a_member_does(workshop: Any, tiny: Any) -> None:
    nodes = workshop.nodes()
    earlier, member = (nodes[name].outputs["model"].uri for name in ("Trainer", "Member1"))
    done = workshop.run(tiny, **{**SETTINGS, "ensemble__members": "[]", "ensemble__models": f"[{member}]"})
    assert done.exit_code in (0, 3), done.stdout + done.stderr
    assert "Member1" not in workshop.nodes()
    joined = workshop.nodes()["Trainer"].outputs["model"].uri
    assert joined != earlier
    np.testing.assert_allclose(answer(f"{joined}/Format-Serving"), answer(f"{earlier}/Format-Serving"), atol=1e-5)
    records = [read_extras(f"{each}/Format-Serving")[1] for each in (joined, earlier)]
    assert records[0]["members"] == records[1]["members"]
    assert records[0]["history"] == records[1]["history"], "the first network was trained again"


def test_run_again_trains_nobody(workshop: Any, tiny: Any) -> None:
    workshop.run(tiny, **SETTINGS)
    assert not {"Member1", "Trainer"} & workshop.executed()
