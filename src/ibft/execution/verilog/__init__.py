"""The verdict on a Verilog completion."""
