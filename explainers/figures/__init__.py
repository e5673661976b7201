"""Pictures of explanations, one file per kind of result; ``modelglass.figure(result)`` finds them."""
