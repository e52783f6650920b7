"""A run as its files tell of it: stages, jobs at work, rates, time left and errors. Nothing here touches the run."""
