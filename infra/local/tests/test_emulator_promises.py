"""What the project's promises rest on, asked of the emulator under race: exactly one conditional write wins, and a
message that nobody can use is put aside."""

import base64
import hashlib
import itertools
import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

AT_ONCE = 40
NAMES = map("{}".format, itertools.count(time.time_ns()))


@pytest.fixture(scope="module")
def aws(stack) -> Callable:
    """Clients of the stack that send each request once."""
    names = {"region_name": "AWS_REGION", "endpoint_url": "AWS_ENDPOINT_URL", "aws_access_key_id": "AWS_ACCESS_KEY_ID",
             "aws_secret_access_key": "AWS_SECRET_ACCESS_KEY"}
    config = Config(max_pool_connections=AT_ONCE, retries={"total_max_attempts": 1})
    return lambda service: boto3.client(service, config=config, **{key: stack.env[name] for key, name in names.items()})


def race(attempt: Callable[[int], object], racers: int = AT_ONCE) -> tuple[list[int], list[ClientError]]:
    """Let all attempt the same at once: who was let through, and what the others were told."""
    barrier = Barrier(racers)

    def run(number: int) -> ClientError | None:
        barrier.wait()
        try:
            attempt(number)
        except ClientError as error:
            return error
        return None

    with ThreadPoolExecutor(racers) as pool:
        told = list(pool.map(run, range(racers)))
    return [number for number, error in enumerate(told) if error is None], [error for error in told if error]


def codes(errors: list[ClientError]) -> set[str]:
    return {error.response["Error"]["Code"] for error in errors}


def test_a_race_without_a_condition_has_many_winners(stack, aws):
    """What the others would find."""
    bucket, key, s3 = stack.env["EXPORT_BUCKET"], f"export/{next(NAMES)}", aws("s3")
    assert race(lambda number: s3.put_object(Bucket=bucket, Key=key, Body=b"%d" % number)) == ([*range(AT_ONCE)], [])


def test_one_of_many_conditional_puts_wins(stack, aws):
    key, dynamodb = {"pk": {"S": "race"}, "sk": {"S": next(NAMES)}}, aws("dynamodb")
    won, lost = race(lambda number: dynamodb.put_item(
        TableName=stack.env["JOBS_TABLE_NAME"], Item={**key, "by": {"N": str(number)}},
        ConditionExpression="attribute_not_exists(pk)"))
    stored = dynamodb.get_item(TableName=stack.env["JOBS_TABLE_NAME"], Key=key, ConsistentRead=True)["Item"]
    assert [{"N": str(number)} for number in won] == [stored["by"]]
    assert codes(lost) == {"ConditionalCheckFailedException"}


def test_one_of_many_conditional_updates_wins_each_revision_and_the_others_see_it(stack, aws):
    key, dynamodb = {"pk": {"S": "race"}, "sk": {"S": next(NAMES)}}, aws("dynamodb")
    table = stack.env["JOBS_TABLE_NAME"]
    dynamodb.put_item(TableName=table, Item={**key, "rev": {"N": "0"}})
    for rev in range(5):
        won, lost = race(lambda number, rev=rev: dynamodb.update_item(
            TableName=table, Key=key, UpdateExpression="SET rev = :next, writer = :me",
            ConditionExpression="rev = :seen", ReturnValuesOnConditionCheckFailure="ALL_OLD",
            ExpressionAttributeValues={
                ":seen": {"N": str(rev)}, ":next": {"N": str(rev + 1)}, ":me": {"N": str(number)}}))
        written = {**key, "rev": {"N": str(rev + 1)}, "writer": {"N": str(*won)}}
        assert dynamodb.get_item(TableName=table, Key=key, ConsistentRead=True)["Item"] == written
        assert all(error.response["Item"] == written for error in lost) and len(lost) == AT_ONCE - 1


def test_one_of_many_puts_of_a_new_object_wins(stack, aws):
    bucket, key, s3 = stack.env["EXPORT_BUCKET"], f"export/{next(NAMES)}", aws("s3")
    won, lost = race(lambda number: s3.put_object(Bucket=bucket, Key=key, Body=b"%d" % number, IfNoneMatch="*"))
    assert [b"%d" % number for number in won] == [s3.get_object(Bucket=bucket, Key=key)["Body"].read()]
    assert codes(lost) <= {"PreconditionFailed", "ConditionalRequestConflict"}


def test_one_of_many_uploads_of_a_new_object_wins(stack, aws):
    """Also against one that is put at once; nobody's parts are mixed with another's."""
    bucket, key, s3 = stack.env["EXPORT_BUCKET"], f"export/{next(NAMES)}", aws("s3")
    racers, uploads = 12, []
    for number in range(racers - 1):
        upload = s3.create_multipart_upload(Bucket=bucket, Key=key, ChecksumAlgorithm="SHA256")["UploadId"]
        named = {"Bucket": bucket, "Key": key, "UploadId": upload}
        part = s3.upload_part(**named, PartNumber=1, Body=b"%d" % number, ChecksumAlgorithm="SHA256")
        parts = [{"PartNumber": 1, "ETag": part["ETag"], "ChecksumSHA256": part["ChecksumSHA256"]}]
        uploads.append({**named, "MultipartUpload": {"Parts": parts}})

    def attempt(number: int) -> None:
        if number < len(uploads):
            s3.complete_multipart_upload(**uploads[number], IfNoneMatch="*")
        else:
            s3.put_object(Bucket=bucket, Key=key, Body=b"%d" % number, IfNoneMatch="*")

    won, lost = race(attempt, racers)
    assert [b"%d" % number for number in won] == [s3.get_object(Bucket=bucket, Key=key)["Body"].read()]
    assert codes(lost) <= {"PreconditionFailed", "ConditionalRequestConflict"}


@pytest.mark.parametrize(("announced", "carried", "named"), [
    ("SHA256", "SHA256", True), ("SHA256", "SHA256", False), ("SHA256", "CRC32", True), ("CRC32", "SHA256", True)])
def test_an_upload_takes_parts_of_the_checksum_that_it_announced_alone(stack, aws, announced, carried, named):
    """And makes an object of them only if each is named with its checksum; of that it keeps the composite."""
    place, s3 = {"Bucket": stack.env["EXPORT_BUCKET"], "Key": f"export/{next(NAMES)}"}, aws("s3")
    started = s3.create_multipart_upload(**place, ChecksumAlgorithm=announced)
    upload = {**place, "UploadId": started["UploadId"]}
    if announced != carried:
        with pytest.raises(ClientError, match="Checksum Type mismatch"):
            s3.upload_part(**upload, PartNumber=1, Body=b"x", ChecksumAlgorithm=carried)
        return
    part = s3.upload_part(**upload, PartNumber=1, Body=b"x", ChecksumAlgorithm=carried)
    parts = [{"PartNumber": 1, "ETag": part["ETag"], **({"ChecksumSHA256": part["ChecksumSHA256"]} if named else {})}]
    if not named:
        with pytest.raises(ClientError, match="missing for part 1"):
            s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})
        return
    s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts}, IfNoneMatch="*")
    composite = base64.b64encode(hashlib.sha256(hashlib.sha256(b"x").digest()).digest()).decode()
    assert s3.head_object(**place, ChecksumMode="ENABLED")["ChecksumSHA256"] == f"{composite}-1"


def test_a_message_that_nobody_can_use_is_put_aside(aws):
    """At the first receive after as many as its queue allows."""
    sqs, allowed = aws("sqs"), 3
    aside = sqs.create_queue(QueueName=f"aside-{next(NAMES)}")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=aside, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    policy = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": allowed})
    queue = sqs.create_queue(
        QueueName=f"queue-{next(NAMES)}", Attributes={"RedrivePolicy": policy, "VisibilityTimeout": "0"})["QueueUrl"]
    sqs.send_message(QueueUrl=queue, MessageBody="odd")

    def received(url: str) -> list[str]:
        return [message["Body"] for message in sqs.receive_message(QueueUrl=url).get("Messages", [])]

    assert [received(queue) for _ in range(allowed)] == [["odd"]] * allowed and received(aside) == []
    assert received(queue) == [] and received(aside) == ["odd"]


def test_a_secret_is_made_without_punctuation_where_the_template_excludes_it(stack):
    key = stack.env["DIRECTORY_KEY"]
    assert (len(key), key.isalnum()) == (64, True)
