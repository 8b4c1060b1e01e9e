"""What the support admin costs, at the sizes that it is made for."""
