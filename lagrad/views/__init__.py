"""Pictures: they look on, and nobody imports them but the face and the command."""

from lagrad.views.picture import save_picture
from lagrad.views.spy import spy

__all__ = ["save_picture", "spy"]
