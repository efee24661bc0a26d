"""Random CUDA kernels on the host device against a model that NumPy evaluates.

``python -m tests.ndgpu.driver.host.fuzz --count 1000 --seed 0`` runs a thousand of them.
"""
