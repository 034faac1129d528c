"""What no run changes about such a model: what it is for, what is known of FER2013, what to fear. Plain text."""

MEANING = """\
The model predicts how the annotators of FER2013 labelled a
small picture of a face. It does not tell what a person feels."""

INTENDED_USE = """\
Research and teaching on expression recognition, pipelines and calibration; a baseline to compare with; sorting one's
own pictures, with a person who looks at the outcome. The face must be cut out first and fill the picture."""

OUT_OF_SCOPE = """\
Hiring, proctoring, classrooms, monitoring of employees, lie detection, medical use, and any decision about a person.
In the European Union inferring emotions at work or in education is prohibited but for medical or safety reasons
(Regulation 2024/1689, Article 5(1)(f)); elsewhere it is high-risk (Annex III, 1(c)), and people exposed to it must be
told (Article 50(3)). This is not legal advice."""

LABEL_NOISE = """\
where the ten votes of FER+ have a clear majority, FER2013's label agrees with it in 71.8 % of rows: happy
94, neutral 91, surprise 86, angry 57, sad 44, disgust 33, fear 12.5 %. No model can be told apart from the labels'
own noise much above 73 %."""

ORIGIN = """\
found by a web image search for words of emotion; posed, stock and drawn pictures among them; no consent,
no identities, no demographic labels."""

LEAKS = "the published splits share pictures"

FAIRNESS = """\
Without demographic labels nothing can be said from FER2013 about fairness between groups. Others found such models
biased: Faces of Fairness (arXiv:2502.11049), Domnich and Anbarjafari (arXiv:2103.11436). How these expressions show
varies across cultures, situations and people; a scowl often is not anger (Barrett et al. 2019, doi
10.1177/1529100619832930)."""

CALIBRATION_LIMIT = "Confidence is calibrated on FER2013, and nowhere else."

LICENCE = """\
The data comes under the rules of a Kaggle competition, without an open licence, and is not part of this package. The
weights are derived from it."""

DRAWN_FACES = """\
schematic faces, which the pipeline drew in place of data: its figures say nothing about real faces, and
it must not be used on them."""

DRAWN_LICENCE = """\
The faces were drawn by the pipeline itself: no data set's rules hold for them or for the weights."""
