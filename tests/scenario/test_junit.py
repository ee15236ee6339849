"""JUnit XML: held against the common schema, read back by another's parser."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import junitparser
import junitparser.xunit2
import pytest
import xmlschema

from flashlive_cli.scenario.junit import junit_xml
from tests.scenario.outcomes import HOSTILE, broken, failed, outcome, turn

SCHEMA = xmlschema.XMLSchema(str(Path(__file__).parent / "junit.xsd"))


def written(*outcomes, **more) -> Any:
    """The document, once the schema has let it pass."""
    text = junit_xml(outcomes, **({"took_s": 2.5} | more))
    root = ET.fromstring(text)
    SCHEMA.validate(root)
    return root


@pytest.mark.parametrize(
    "spoil",
    [
        lambda root: root.find("testsuite/testcase").attrib.pop("classname"),
        lambda root: root.find(".//failure").attrib.pop("message"),
        lambda root: root.find("testsuite").set("time", "soon"),
        lambda root: ET.SubElement(root.find(".//testcase"), "reason"),
    ],
)
def test_the_schema_refuses_what_systems_would_not_read(spoil) -> None:
    """A schema that takes everything would prove nothing."""
    root = written(failed())
    spoil(root)

    assert not SCHEMA.is_valid(root)


def test_a_suite_counts_its_cases_and_knows_when_it_began() -> None:
    root = written(outcome(), failed(), broken(), began=datetime(2027, 3, 5, 12, 0, 0, 999, tzinfo=UTC))
    suite = root.find("testsuite")

    assert [suite.get(name) for name in ("tests", "failures", "errors", "skipped", "time")] == [
        "3",
        "1",
        "1",
        "0",
        "2.500",
    ]
    assert suite.get("timestamp") == "2027-03-05T12:00:00+00:00"
    assert [case.get("classname") for case in suite.findall("testcase")] == [
        "suite.order", "suite.slow", "suite.unreachable",
    ]  # fmt: skip


def test_time_latency_and_cost_are_properties() -> None:
    case = written(outcome(variant={"voice": "Puck"}, evidence="out/order")).find(".//testcase")
    properties = {each.get("name"): each.get("value") for each in case.iter("property")}

    assert case.get("time") == "0.700"
    assert properties == {
        "id": "order", "file": "suite/order.toml", "variant.voice": "Puck", "repetition": "1", "seed": "0",
        "model": "gemini-3.1-flash-live-preview", "duration_s": "6.200", "cost_usd": "0.012300",
        "evidence": "out/order", "turn1.first_audio_ms": "912.3", "turn1.complete_ms": "3100.0",
    }  # fmt: skip


def test_a_failure_says_why_and_what_was_heard_called_and_replied() -> None:
    failure = written(failed(evidence="out/slow")).find(".//failure")

    reason = "turn 1: first_audio_within_ms: expected at most 500 ms, got 912.3 ms (at 4.20 s)"
    assert failure.get("message") == reason
    assert failure.text.splitlines() == [
        reason,
        "",
        "turn 1: where-is-my-order.wav",
        "  heard: Where is my order?",
        '  called: check_order(order_id="A-1001") -> {"output": {"status": "shipped"}}',
        "  reply: It has shipped.",
        "evidence: out/slow",
    ]


def test_what_could_not_be_carried_out_is_an_error() -> None:
    error = written(broken()).find(".//error")

    assert (error.get("type"), error.get("message")) == ("service", "the service refused: quota exceeded")


@pytest.mark.parametrize(("pass_at", "tags"), [(None, ["failure"]), (2, ["failure"]), (1, ["flakyFailure"])])
def test_a_repetition_that_was_not_needed_does_not_fail_the_suite(pass_at, tags) -> None:
    root = written(outcome("a"), failed("a", repetition=2), pass_at=pass_at)

    assert [case.get("name") for case in root.iter("testcase")] == ["a #1", "a #2"]
    assert [each.tag for each in root.iter() if each.get("type") == "expectation"] == tags
    assert root.find("testsuite").get("failures") == str(tags.count("failure"))


def test_what_xml_forbids_is_not_in_it() -> None:
    run = outcome(HOSTILE, "failed", path=f"a/{HOSTILE}.toml", turns=(turn(1, heard=HOSTILE, said=HOSTILE),),
                  warnings=(HOSTILE,), evidence=HOSTILE)  # fmt: skip
    case = written(run).find(".//testcase")

    assert case.get("name").startswith("</script><img src=x onerror=alert(1)>\\x1b[31m\\u202e\\ud800\\x00")
    assert "\ufffe" not in case.find("system-out").text


def test_another_parser_reads_the_same(tmp_path) -> None:
    path = tmp_path / "junit.xml"
    runs = [outcome("a"), failed("b"), broken("c"), outcome("d"), failed("d", repetition=2)]
    path.write_text(junit_xml(runs, took_s=9, pass_at=1), encoding="utf-8")
    (suite,) = junitparser.JUnitXml.fromfile(str(path))

    assert (suite.tests, suite.failures, suite.errors, suite.time) == (5, 1, 1, 9.0)
    cases = [junitparser.xunit2.TestCase.fromelem(case._elem) for case in suite]
    found = [
        (case.name, [type(result).__name__ for result in case.result], len(case.flaky_failures())) for case in cases
    ]
    assert found == [
        ("a", [], 0), ("b", ["Failure"], 0), ("c", ["Error"], 0), ("d #1", [], 0), ("d #2", [], 1),
    ]  # fmt: skip
