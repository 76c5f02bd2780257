"""What a fair bill must keep to."""

import unittest

from receipt import show, split


class Receipt(unittest.TestCase):
    def test_an_even_bill_is_split_evenly(self) -> None:
        self.assertEqual(split(900, 3), [300, 300, 300])

    def test_no_cent_is_lost(self) -> None:
        self.assertEqual(sum(split(1000, 3)), 1000)

    def test_nobody_pays_more_than_a_cent_extra(self) -> None:
        shares = split(1001, 4)
        self.assertLessEqual(max(shares) - min(shares), 1)

    def test_amounts_are_shown_with_cents(self) -> None:
        self.assertEqual(show(334), "3.34")


if __name__ == "__main__":
    unittest.main()
