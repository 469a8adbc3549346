import unittest
from decimal import Decimal

from {{module}} import {{class}}

from stockade_sdk.testing import Harness


class {{class}}Test(unittest.TestCase):
    def test_buys_the_dip(self):
        h = Harness({{class}}, cash="5000", symbols=["AAPL"])
        h.closes("AAPL", ["101", "99", "98", "102", "103"])
        self.assertEqual(len(h.orders), 2)
        self.assertEqual(h.cash, Decimal(5050))  # bought at 98, sold at 103


if __name__ == "__main__":
    unittest.main()
