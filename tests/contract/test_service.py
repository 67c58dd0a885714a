"""The service does what its document says, whatever it is sent.

`CONTRACT_EXAMPLES` and `CONTRACT_SEED` ask for more cases than the usual ones, and for others.
"""

import json
import os

from .run import DOCUMENT

EXAMPLES = int(os.environ.get("CONTRACT_EXAMPLES") or 5)
LEAST = int(os.environ.get("CONTRACT_CASES") or 1000)
SEED = int(os.environ.get("CONTRACT_SEED") or 1)


def test_the_service_keeps_to_its_document(caller, tmp_path, capsys):
    """No 5xx; no status, header or body that is not documented; what fits the schemas is taken, and nothing else."""
    report = caller.run(tmp_path, "--max-examples", str(EXAMPLES), "--seed", str(SEED))
    with capsys.disabled():
        print(f" {report.cases} cases of {report.raw['operations']['tested']} operations, seed {SEED}")
    assert not report.failures, report.text
    assert report.raw["operations"]["tested"] == report.raw["operations"]["total"]
    assert {each["status"] for each in report.raw["phases"].values()} == {"success"}
    assert report.cases >= LEAST


def test_a_document_that_says_otherwise_is_noticed(caller, tmp_path):
    document = json.loads(DOCUMENT.read_text())
    post = document["paths"]["/export"]["post"]
    schemas = document["components"]["schemas"]
    request = schemas["ExportRequest"]["properties"]
    del post["responses"]["400"]
    schemas["Reply"]["required"].append("Ready")
    document["components"]["headers"]["Location"]["schema"]["pattern"] = "^/jobs/"
    request["export_type"]["enum"].append(3)
    schemas["ExportRequest"]["required"].append("PeerId")
    planted = tmp_path / "planted.json"
    planted.write_text(json.dumps(document))
    only = ("--include-operation-id", "submitExport", "--phases", "examples,coverage")
    report = caller.run(tmp_path, *only, "--seed", "1", "--continue-on-failure", document=planted)
    assert set(report.failures) >= {
        "Undocumented status code",
        "Response violates schema",
        "Response header does not conform to the schema",
        "Schema-valid request rejected",
        "Schema-violating request accepted",
    }, report.text
