"""One module for each library: the same flow, trained, scored and sampled as its experts do it."""
