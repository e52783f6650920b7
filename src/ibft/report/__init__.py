"""The report shows a run as one self-contained HTML file."""
