"""Sample models: trained on the user's machine in seconds, the same every time, never committed.

>>> from modelglass.sample_models import SAMPLES
>>> SAMPLES["credit"].target
'default'
"""

from modelglass.sample_models.catalogue import SAMPLES, Made, Sample, make
from modelglass.sample_models.keeping import home

__all__ = ["SAMPLES", "Made", "Sample", "home", "make"]
