"""The parts of the model card that no run changes: what the model is for, what is known of the data, what to fear."""

INTRODUCTION = """\
# Model card: seven facial expressions in 48 x 48 grey pictures

Written by `python -m benchmarks.ship`; edit nothing here. The model predicts how the annotators of FER2013 labelled a
small picture of a face. It does not tell what a person feels."""

USE = """\
## Intended use

Research and teaching on expression recognition, pipelines and calibration; a baseline to compare with; sorting one's
own pictures, with a person who looks at the outcome. The face must be cut out first and fill the picture.

## Out of scope

Hiring, proctoring, classrooms, monitoring of employees, lie detection, medical use, and any decision about a person.
In the European Union inferring emotions at work or in education is prohibited but for medical or safety reasons
(Regulation 2024/1689, Article 5(1)(f)); elsewhere it is high-risk (Annex III, 1(c)), and people exposed to it must be
told (Article 50(3)). This is not legal advice."""

DATA_NOTES = """\
- **Leaks**: the published splits share pictures, so the figures below are given for all rows and for the clean ones.
- **Labels**: where the ten votes of FER+ have a clear majority, FER2013's label agrees with it in 71.8 % of rows: happy
  94, neutral 91, surprise 86, angry 57, sad 44, disgust 33, fear 12.5 %. No model can be told apart from the labels'
  own noise much above 73 %.
- **Origin**: found by a web image search for words of emotion; posed, stock and drawn pictures among them; no consent,
  no identities, no demographic labels."""

LIMITS = """\
## Limits and fairness

Without demographic labels nothing can be said from FER2013 about fairness between groups. Others found such models
biased: Faces of Fairness (arXiv:2502.11049), Domnich and Anbarjafari (arXiv:2103.11436). How these expressions show
varies across cultures, situations and people; a scowl often is not anger (Barrett et al. 2019, doi
10.1177/1529100619832930). Pictures unlike the data, such as coloured, turned or badly lit ones, were tested only as
far as the table above goes. Confidence is calibrated on FER2013, and nowhere else."""

LICENCE = """\
## Licence of data and weights

The data comes under the rules of a Kaggle competition, without an open licence, and is not part of this package. The
weights are derived from it. See LICENCE_NOTE.md."""
