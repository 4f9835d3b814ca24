"""Actors that are supervised: the only room with pykka."""
