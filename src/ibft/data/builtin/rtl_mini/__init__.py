"""The built-in Verilog benchmark: problems in VerilogEval's record form, from one wire to state machines."""
