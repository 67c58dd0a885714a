"""The console in AWS is what it is on the local stack, and reaches every route that it uses."""

import json
import re
import sys
from fnmatch import fnmatchcase
from pathlib import Path

from samtranslator.yaml_helper import yaml_parse

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import console  # noqa: E402

TEMPLATE = yaml_parse(console.TEMPLATE.read_text(encoding="utf-8"))
RESOURCES = {name: each["Properties"] for name, each in TEMPLATE["Resources"].items()}
SOURCE = console.ROOT / "infra" / "console"


def test_the_page_is_served_with_the_headers_of_the_local_stack():
    local = json.loads((SOURCE / "headers.json").read_text(encoding="utf-8"))
    made = RESOURCES["Headers"]["ResponseHeadersPolicyConfig"]
    security = made["SecurityHeadersConfig"]
    served = {each["Header"]: each["Value"] for each in made["CustomHeadersConfig"]["Items"]}
    served["content-security-policy"] = security["ContentSecurityPolicy"]["ContentSecurityPolicy"]["Fn::Sub"].replace("${Storage}", "{storage}")
    served["referrer-policy"] = security["ReferrerPolicy"]["ReferrerPolicy"]
    assert security["ContentTypeOptions"]["Override"]
    assert served | {"x-content-type-options": "nosniff"} == local
    assert RESOURCES["Console"]["DistributionConfig"]["DefaultCacheBehavior"]["ResponseHeadersPolicyId"] == {"Ref": "Headers"}


def test_every_route_that_the_page_calls_reaches_the_api():
    behaviours = RESOURCES["Console"]["DistributionConfig"]["CacheBehaviors"]
    calls = re.findall(r"client\.(GET|POST|DELETE)\('([^']+)'", (SOURCE / "src" / "api.ts").read_text(encoding="utf-8"))
    assert len(calls) > 10
    for method, path in calls:
        first = next(each for each in behaviours if fnmatchcase(path, each["PathPattern"]))
        assert method in first["AllowedMethods"] and first["TargetOriginId"] == "api", path


def test_only_the_distribution_reads_the_files():
    assert set(RESOURCES["Files"]["PublicAccessBlockConfiguration"].values()) == {True}
    allowed = [each for each in RESOURCES["FilesPolicy"]["PolicyDocument"]["Statement"] if each["Effect"] == "Allow"]
    assert [each["Principal"] for each in allowed] == [{"Service": "cloudfront.amazonaws.com"}]
    assert "distribution/${Console}" in str(allowed[0]["Condition"])


def test_files_are_uploaded_with_their_types_and_the_page_last(tmp_path):
    for name in ("index.html", "assets/a-1.js", "assets/b-2.css", "assets/c-3.svg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    puts = []

    class Store:
        def put_object(self, **put):
            puts.append(put)

    assert console.upload(Store(), "files", tmp_path)[-1] == "index.html"
    kinds = {put["Key"]: (put["ContentType"], put["CacheControl"]) for put in puts}
    assert kinds["index.html"] == ("text/html", "no-cache")
    assert kinds["assets/b-2.css"][0] == "text/css" and "immutable" in kinds["assets/a-1.js"][1]
    assert [put["Body"].decode() for put in puts] == [put["Key"] for put in puts]


def test_the_api_and_the_buckets_are_those_of_the_stack():
    made = console.parameters("https://abc.execute-api.eu-west-1.amazonaws.com", "eu-west-1")
    assert made == ["ApiDomain=abc.execute-api.eu-west-1.amazonaws.com", "Storage=https://*.s3.eu-west-1.amazonaws.com"]
    for value, name in zip(made, ("ApiDomain", "Storage")):
        assert re.fullmatch(TEMPLATE["Parameters"][name]["AllowedPattern"], value.partition("=")[2])
