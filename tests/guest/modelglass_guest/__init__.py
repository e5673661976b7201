"""A package of somebody else, which adds one analysis to modelglass."""
