"""Cells and area of the Verilog that passes, as Yosys synthesizes it."""
