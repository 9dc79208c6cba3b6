"""What an unmapped code may mean, and what speaks for it."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sellthrough.suggestions import distance_m, gtin14, size_of, suggest_outlets, suggest_skus

SKUS = [
    {"code": "S1", "name": "Lotus Soap Rose 100 g", "gtins": ["8901030000010"], "price": 32.0},
    {"code": "S2", "name": "Lotus Soap Rose 250 g", "gtins": ["8901030000027"], "price": 70.0},
    {"code": "S3", "name": "Neem Toothpaste 150 g", "gtins": ["8901030000034"], "price": 90.0},
]


def best(found):
    return [(item.suggested_code, json.loads(item.evidence)) for item in found if item.rank == 1]


def test_a_gtin_with_a_right_check_digit_comes_before_every_name():
    [(code, evidence)] = best(
        suggest_skus([{"owner": "D1", "code": "08901030000034", "name": "lotus soap rose 100g"}], SKUS)
    )

    assert (code, evidence["gtin"]) == ("S3", "same")


def test_a_gtin_with_a_wrong_check_digit_says_nothing():
    [(code, evidence)] = best(
        suggest_skus([{"owner": "D1", "code": "8901030000035", "name": "lotus soap rose 100g"}], SKUS)
    )

    assert (code, "gtin" in evidence) == ("S1", False)


def test_a_gtin_that_several_items_share_leaves_the_choice_to_their_names():
    masters = [{**sku, "gtins": ["8901030000010"]} for sku in SKUS]

    [(code, evidence)] = best(
        suggest_skus([{"owner": "D1", "code": "X", "gtin": "8901030000010", "name": "Rose Soap Lotus 250gm"}], masters)
    )

    assert (code, evidence["gtin"]) == ("S2", "same, shared by 3 items")


def test_the_pack_tells_items_of_one_name_apart():
    [(code, evidence)] = best(suggest_skus([{"owner": "D1", "code": "X", "name": "LOTUS ROSE SOAP 0.25 KG"}], SKUS))

    assert (code, evidence["pack"]) == ("S2", "same")


def test_the_price_tells_items_of_one_name_apart_where_no_pack_is_known():
    masters = [{"code": "A", "name": "Lotus Soap", "price": 32.0}, {"code": "B", "name": "Lotus Soap", "price": 70.0}]

    [(code, _)] = best(suggest_skus([{"owner": "D1", "code": "X", "name": "lotus soap", "price": 69.0}], masters))

    assert code == "B"


def test_nothing_is_suggested_for_a_code_that_nothing_speaks_for():
    assert (
        suggest_skus([{"owner": "D1", "code": "X", "name": "Bicycle pump"}, {"owner": "D1", "code": "Y"}], SKUS) == []
    )


def test_three_spellings_of_one_shop_with_its_telephone_find_it():
    master = [
        {"code": "O1", "name": "Sharma General Store", "phone": "+91 98450 12345"},
        {"code": "O2", "name": "Sharma Medical"},
    ]
    queue = [
        {"owner": "D1", "code": str(place), "name": name, "phone": "9845012345"}
        for place, name in enumerate(["SHARMA GEN. STORE", "Sharma Genl Stores", "M/s Sharma Kirana"])
    ]

    assert [code for code, _ in best(suggest_outlets(queue, master))] == ["O1", "O1", "O1"]


def test_shops_of_one_chain_in_one_mall_stay_apart_by_their_tax_numbers():
    master = [{"code": "O1", "name": "Big Mart", "tax_no": "29AAACB1234C1Z1", "latitude": 12.97, "longitude": 77.59}]
    other = {
        "owner": "D1",
        "code": "X",
        "name": "Big Mart",
        "tax_no": "29AAACB1234C2Z0",
        "latitude": 12.97,
        "longitude": 77.59,
    }

    [found] = suggest_outlets([other], master)

    assert found.score == 0.5
    assert json.loads(found.evidence) == {"distance_m": 0, "name": 1.0, "tax_no": "differs"}


def test_the_evidence_names_personal_data_and_does_not_show_it():
    row = {"name": "Sharma", "phone": "9845012345", "tax_no": "29AAACB1234C1Z1"}

    [found] = suggest_outlets([{"owner": "D1", "code": "X", **row}], [{"code": "O1", **row}])

    assert json.loads(found.evidence) == {"name": 1.0, "phone": "same", "tax_no": "same"}


@given(st.integers(0, 10**13 - 1))
def test_exactly_one_check_digit_makes_a_gtin(number):
    assert sum(gtin14(f"{number:013}{digit}") is not None for digit in range(10)) == 1


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0.5 kg", ("g", 500.0)),
        ("Soap 500 gms", ("g", 500.0)),
        ("1,5 l", ("ml", 1500.0)),
        ("Soap", None),
        ("6x75cl", ("ml", 750.0)),
    ],
)
def test_sizes_are_compared_in_one_unit(text, size):
    assert size_of(text) == size


def test_distances_are_those_of_the_globe():
    assert distance_m(0, 0, 0, 1) == pytest.approx(111_195, abs=1)
