"""Every figure, each drawn by one function over tidy frames."""
