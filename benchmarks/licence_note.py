"""What may be done with the shipped weights, as far as it is known."""

LICENCE_NOTE = """\
# Licence note

**The data.** The weights were trained on FER2013, which was collected for the 2013 competition "Challenges in
Representation Learning: Facial Expression Recognition Challenge" on Kaggle. Access is under that competition's rules;
no open licence for the pictures has been found. The pictures came from a web image search, and the rights in each of
them are those of their owners. No picture, and no row of the data, is part of this package, and none can be had from
it: get the data from Kaggle, after accepting the rules there.

**The weights.** They were trained from scratch on these pictures, without any other model's weights, and are in that
sense derived from them. Whether the rights in training pictures reach the weights differs between legal systems and
is not settled. The weights hold averages over tens of thousands of pictures, no copies, but no test for memorised
pictures was made.

**The code.** The project has no licence file so far, so nothing is granted beyond what its owner has agreed to. Ask
the owner before passing on code or weights, and have the competition's rules checked before commercial use.

This note states facts as they are known. It is not legal advice.
"""
