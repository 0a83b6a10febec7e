"""The commands, one module for each kind: arguments, wiring, printing. All work is done elsewhere, imported late."""
