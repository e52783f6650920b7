"""The generated Verilog data set: families of designs, in nine groups."""
