"""Sample deliveries of a fictional city for 2020–2022, and the truth that the warehouse must show of them.

Every company is invented, every credit code carries an organisation code of the range PDY00001–PDY99999,
which GB 11714 keeps for private use (a register of more goes on with PDA, PDB, …), and every file says that it
is fictional. The truth is computed here
from the generated records, with exact fractions: not from the files and not in SQL, so that it can contradict
both.

A source is a module with `deliveries`, `truth` and `RULES`, and an entry in `city`; each draws from a random
stream of its own, so that a new source changes none that is already there.
"""

from baotu.samples.city import write_samples
from baotu.samples.deliveries import NOTE
from baotu.samples.names import DIVISIONS, uscc

__all__ = ["DIVISIONS", "NOTE", "uscc", "write_samples"]
