from __future__ import annotations

import pytest

from tests.cli.conftest import Call


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("denoize", "There is no command 'crispim-ij denoize': did you mean 'denoise'?"),
        ("models lst", "There is no command 'crispim-ij models lst': did you mean 'list'?"),
        ("fiji docter", "There is no command 'crispim-ij fiji docter': did you mean 'doctor'?"),
        ("denoise a b --modl x", "no option '--modl' of 'crispim-ij denoise': did you mean '--mo"),
        ("preprocess --no-averag", "did you mean '--no-average'?"),
        ("denoise a b --qqq", "no option '--qqq' of 'crispim-ij denoise': see 'crispim-ij denoi"),
        ("denoise a b -q", "There is no option '-q' of 'crispim-ij denoise': see 'crispim-ij de"),
        ("--versoin", "There is no option '--versoin' of 'crispim-ij': did you mean '--version'?"),
        ("denoise a", "Missing argument 'OUTPUT': see 'crispim-ij denoise --help'."),
        ("denoise a b --tile x", "Invalid value for '--tile': "),
        ("denoise a b --precision bf16", "for '--precision': 'bf16' is not one of 'float32', 'bf"),
        (
            "train m --recipe papr-2d",
            "There is no recipe 'papr-2d' (--recipe; did you mean 'paper-2d'?): take ",
        ),
        ("train m --recipe qqq", "There is no recipe 'qqq' (--recipe): take one of blind, crisp"),
        ("models show crispim2d", "There is no model 'crispim2d': did you mean 'crispim-2d'?"),
    ],
)
def test_one_sentence_says_what_is_wrong(call: Call, given: str, says: str) -> None:
    answer = call(*given.split())
    assert (answer.status, answer.out) == (2, "")
    assert answer.err.startswith("Error: ")
    assert says in answer.err
    assert len(answer.err.strip().splitlines()) == 1


def test_what_there_is_where_nothing_is_near(call: Call) -> None:
    said = call("fiji", "qqqq").err
    assert "there are doctor, install, macro, denoise, check, fetch." in said


def test_without_a_command_there_is_help(call: Call) -> None:
    answer = call()
    assert answer.status == 2
    assert "Usage: crispim-ij" in answer.out
    assert answer.err == ""
