"""The simulator: the real runtime on a virtual clock, seeded faults, and invariants that must hold."""
