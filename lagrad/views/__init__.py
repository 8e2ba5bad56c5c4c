"""Pictures: they look on, and nobody imports them but the face and the command."""

from lagrad.views.compare import compare
from lagrad.views.convergence import convergence
from lagrad.views.diagram import diagram
from lagrad.views.explore import explore
from lagrad.views.picture import save_picture
from lagrad.views.sensitivity import sensitivity
from lagrad.views.solution import solution
from lagrad.views.spy import spy

__all__ = [
    "compare",
    "convergence",
    "diagram",
    "explore",
    "save_picture",
    "sensitivity",
    "solution",
    "spy",
]
