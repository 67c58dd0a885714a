"""A clip by way of the client that openapi-python-client makes: `URL` and the request's body; prints the reply."""

import json
import sys
import time

from media_export.api.clips_and_pictures import get_export, get_job, submit_export
from media_export.client import Client
from media_export.models.export_request import ExportRequest
from media_export.models.job import Job
from media_export.models.reply import Reply

url, body = sys.argv[1], json.loads(sys.argv[2])
client = Client(base_url=url)
request = ExportRequest.from_dict(body)
while True:
    reply = submit_export.sync(client=client, body=request, prefer="wait=20")
    assert isinstance(reply, Reply), reply
    if reply.time_wait == 0:
        break
    time.sleep(reply.time_wait / 1000)
assert isinstance(reply.job_id, str)
named = client.with_headers({"X-Session-Id": body["SessionId"]})
again = get_export.sync(reply.job_id, client=named)
assert isinstance(again, Reply) and again == reply, again
job = get_job.sync(reply.job_id, client=named)
assert isinstance(job, Job) and job.video_path == reply.video_path, job
print(json.dumps(reply.to_dict()))
