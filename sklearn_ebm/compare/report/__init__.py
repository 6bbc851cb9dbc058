"""A comparison as one HTML file, which needs no network: table, charts, and a slider for β."""

from sklearn_ebm.compare.report.content import content
from sklearn_ebm.compare.report.page import page
from sklearn_ebm.compare.report.rows import Plan, plan

__all__ = ["Plan", "content", "page", "plan"]
