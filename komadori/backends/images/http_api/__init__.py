"""Image APIs over HTTP: one backend, described by a YAML file for each provider."""

from komadori.backends.images.http_api.backend import HttpImages
from komadori.backends.images.http_api.folder import Providers, load_providers
from komadori.backends.images.http_api.spec import ProviderSpec

__all__ = ["HttpImages", "ProviderSpec", "Providers", "load_providers"]
