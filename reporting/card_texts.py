"""What is the same for every such model: its purpose, what is known about FER2013, what to beware of. Plain text."""

MEANING = """\
The model predicts how the annotators of FER2013 labelled a
small picture of a face. It does not tell what a person feels."""

INTENDED_USE = """\
Research and teaching on expression recognition, pipelines and calibration; a baseline to compare with; sorting your
own pictures, with a person reviewing the result. The face must be cropped first and fill the picture."""

OUT_OF_SCOPE = """\
Hiring, proctoring, classrooms, monitoring of employees, lie detection, medical use, and any decision about a person.
In the European Union, inferring emotions at work or in education is prohibited except for medical or safety reasons
(Regulation 2024/1689, Article 5(1)(f)); elsewhere it is high-risk (Annex III, 1(c)), and people exposed to it must be
told (Article 50(3)). This is not legal advice."""

LABEL_NOISE = """\
where the ten votes of FER+ have a clear majority, FER2013's label agrees with it in 71.8 % of rows: happy
94, neutral 91, surprise 86, angry 57, sad 44, disgust 33, fear 12.5 %. Much above 73 %, models can't be told apart
from the noise of the labels."""

ORIGIN = """\
found by a web image search for emotion words, including posed, stock and drawn pictures; no consent,
no identities, no demographic labels."""

LEAKS = "the published splits share pictures"

FAIRNESS = """\
FER2013 has no demographic labels, so it says nothing about fairness between groups. Others found such models
biased: Faces of Fairness (arXiv:2502.11049), Domnich and Anbarjafari (arXiv:2103.11436). How people show these
emotions varies across cultures, situations and individuals; a scowl often is not anger (Barrett et al. 2019, doi
10.1177/1529100619832930)."""

CALIBRATION_LIMIT = "Confidence is calibrated on FER2013 and nowhere else."

LICENCE = """\
The data comes under the rules of a Kaggle competition, without an open licence, and is not part of this package. The
weights are derived from it."""

DRAWN_FACES = """\
schematic faces, drawn by the pipeline instead of data: its figures say nothing about real faces, and
it must not be used on them."""

DRAWN_LICENCE = """\
The faces were drawn by the pipeline itself: no data set's rules apply to them or to the weights."""
