"""Speed and exactness figures, each with its aim; run by hand, not part of the product."""
