"""Saving and loading links, optimizers and trainers: NPZ, HDF5 and safetensors."""

from nnrun.serializers.hdf5 import HDF5Deserializer, HDF5Serializer, load_hdf5, save_hdf5
from nnrun.serializers.npz import DictionarySerializer, NpzDeserializer, load_npz, save_npz
from nnrun.serializers.report import LoadReport
from nnrun.serializers.safetensors import load_safetensors, save_safetensors

__all__ = [
    "DictionarySerializer",
    "HDF5Deserializer",
    "HDF5Serializer",
    "LoadReport",
    "NpzDeserializer",
    "load_hdf5",
    "load_npz",
    "load_safetensors",
    "save_hdf5",
    "save_npz",
    "save_safetensors",
]
