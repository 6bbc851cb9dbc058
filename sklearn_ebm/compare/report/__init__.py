"""Report of a comparison as a self-contained HTML file with table and charts."""

from sklearn_ebm.compare.report.content import content as content
from sklearn_ebm.compare.report.kept import keeper as keeper
from sklearn_ebm.compare.report.page import page as page
