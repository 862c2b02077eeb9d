"""The rule-based story splitter: from a story to the panels of a storyboard.

The way of a story: paragraphs → quotes → sentences → people → dialogue → scenes → panels → shots
→ looks.
Everything is kept as offsets into the story as it was written, so no character can get lost.
"""

from komadori.pipeline.splitting.storyboard import split

__all__ = ["split"]
