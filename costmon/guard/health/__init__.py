"""How the hosts that are called are doing, and which of them must rest."""
