"""Each figure is drawn by one function over tidy frames."""
