"""A Lambda function that tells what it was given, or makes one AWS call with its own role. The interpreter is put in front."""

import http.client
import json
import os
import subprocess
import sys
import time

BASE = "/2018-06-01/runtime/invocation"


def call(method, path, body=None):
    connection = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
    connection.request(method, path, body)
    reply = connection.getresponse()
    return reply.headers, reply.read()


def aws(service, operation, arguments):
    import boto3
    from botocore.exceptions import ClientError

    for name, value in arguments.items():
        if isinstance(value, str):
            arguments[name] = os.path.expandvars(value)
    try:
        getattr(boto3.client(service), operation)(**arguments)
    except ClientError as error:
        return error.response["Error"]["Code"]
    return "ok"


def handle(event):
    print("seen:", sorted(event))
    sys.stdout.flush()
    if "aws" in event:
        return aws(*event["aws"])
    if "requestContext" not in event:
        return {"batchItemFailures": []}
    if event["rawPath"].endswith("/hang"):
        subprocess.Popen(["sleep", "1234"], env={})
        time.sleep(600)
    size = len(event.pop("body", "") or "")
    answer = {"event": event, "size": size, "environment": dict(os.environ)}
    return {"statusCode": 200, "headers": {"content-type": "application/json", "x-stand-in": "yes"}, "body": json.dumps(answer)}


while True:
    headers, given = call("GET", BASE + "/next")
    answer = json.dumps(handle(json.loads(given)))
    call("POST", f"{BASE}/{headers['Lambda-Runtime-Aws-Request-Id']}/response", answer)
