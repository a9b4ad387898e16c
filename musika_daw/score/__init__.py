"""What is played where: musical time, controls, conditions, notes."""
