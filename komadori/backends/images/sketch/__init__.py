"""The built-in renderer: storyboard sketches drawn with Pillow, with nothing to install."""

from komadori.backends.images.sketch.backend import SketchBackend

__all__ = ["SketchBackend"]
