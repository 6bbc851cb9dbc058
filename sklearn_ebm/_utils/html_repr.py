"""Links to the documentation in the HTML representation of estimators and parts."""

from __future__ import annotations

import sys
from typing import Any

API = "https://sklearn-ebm.readthedocs.io/en/stable/api/generated/"


def page_of(cls: type) -> str:
    """Return the page of a class in the API reference, or an empty string if there is none.

    The reference documents the names in `__all__` of the package and its folders.

    Examples
    --------
    >>> from sklearn_ebm import EBMClassifier
    >>> from sklearn_ebm.losses import Hinge
    >>> page_of(EBMClassifier), page_of(Hinge), page_of(dict)
    ('sklearn_ebm.EBMClassifier', 'sklearn_ebm.losses.Hinge', '')
    """
    parts = cls.__module__.split(".")
    for depth in range(1, len(parts)):
        module = sys.modules.get(".".join(parts[:depth]))
        if parts[0] == "sklearn_ebm" and cls.__name__ in getattr(module, "__all__", ()):
            return f"{'.'.join(parts[:depth])}.{cls.__name__}"
    return ""


class Documented:
    """Mixin of classes with a link to their documentation in the HTML representation."""

    _doc_link_module = "sklearn_ebm"
    # User-defined and internal classes have no API page, so the link is empty.
    _doc_link_template = "{link}"

    def _doc_link_url_param_generator(self) -> dict[str, str]:
        page = page_of(type(self))
        return {"link": f"{API}{page}.html" if page else ""}


class HoldsDocumented(Documented):
    """Mixin of estimators whose HTML representation shows the parts that are objects.

    scikit-learn shows only parameters with a method `fit`, which parts do not have.
    """

    def _sk_visual_block_(self) -> Any:
        try:
            from sklearn.utils._repr_html.estimator import _VisualBlock
        except ImportError:  # before scikit-learn 1.7
            from sklearn.utils._estimator_html_repr import _VisualBlock
        params = self.get_params(deep=False)  # type: ignore[attr-defined]
        parts = {name: value for name, value in params.items() if isinstance(value, Documented)}
        if not parts:
            return _VisualBlock("single", self, names=type(self).__name__, name_details=str(self))
        return _VisualBlock(
            "parallel",
            list(parts.values()),
            names=[f"{name}: {type(value).__name__}" for name, value in parts.items()],
            name_details=[str(value) for value in parts.values()],
        )
