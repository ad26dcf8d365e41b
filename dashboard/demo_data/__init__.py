"""Made-up clients with a month of calls, to look at and to measure with. Everything is marked as a demo."""

from dashboard.demo_data.made import DEMO, Made, Size, make
from dashboard.demo_data.removing import remove

__all__ = ["DEMO", "Made", "Size", "make", "remove"]
