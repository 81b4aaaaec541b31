"""The rendered benchmark: clips with exact truth, and how well each variant does on them."""
