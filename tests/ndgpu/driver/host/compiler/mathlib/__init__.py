"""CUDA's mathematical functions on the host device against their documented error bounds."""
