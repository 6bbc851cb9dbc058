"""What energies of any form need beside their values: a proposal, and surfaces of samples."""
