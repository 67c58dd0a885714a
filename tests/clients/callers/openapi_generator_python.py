"""A clip by way of the Python client that openapi-generator makes: `URL` and the request's body; prints the reply."""

import json
import sys
import time

from openapi_client import ApiClient, ClipsAndPicturesApi, Configuration
from openapi_client.models.export_request import ExportRequest

url, body = sys.argv[1], json.loads(sys.argv[2])
configuration = Configuration(host=url, api_key={"sessionHeader": body["SessionId"]})
api = ClipsAndPicturesApi(ApiClient(configuration))
request = ExportRequest.from_dict(body)
while True:
    reply = api.submit_export(request, prefer="wait=20")
    if reply.time_wait == 0:
        break
    time.sleep(reply.time_wait / 1000)
assert api.get_export(reply.job_id) == reply
assert api.get_job(reply.job_id).video_path == reply.video_path
print(reply.to_json())
