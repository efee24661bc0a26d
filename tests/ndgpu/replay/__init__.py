"""Recorded kernels: what the host device computed, to be had again bit for bit on any device."""
