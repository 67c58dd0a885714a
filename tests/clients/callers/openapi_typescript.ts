// A clip by way of the types that openapi-typescript makes: `URL` and the request's body; prints the reply.
import createClient from "openapi-fetch";
import type { components, paths } from "./generated/api";

declare const process: { argv: string[] };

type Request = components["schemas"]["ExportRequest"];

// @ts-expect-error A request names its recording and its window.
export const nothing: Request = { FetchMedia: false };
// @ts-expect-error There are three codecs.
export const unknown: Request = { StartPos: 1, StartTime: 0, Duration: 1, LivePath: "a/b.mpd", export_type: 3 };

async function main(): Promise<void> {
  const [url, text] = process.argv.slice(2);
  const body: Request = JSON.parse(text!);
  const client = createClient<paths>({ baseUrl: url });
  const submit = () => client.POST("/export", { body, params: { header: { Prefer: "wait=20" } } });
  let { data, error } = await submit();
  while (data && data.TimeWait > 0) {
    await new Promise((done) => setTimeout(done, data!.TimeWait));
    ({ data, error } = await submit());
  }
  if (!data?.JobId) throw new Error(JSON.stringify(error));
  const again = await client.GET("/export/status/{jobId}", {
    params: { path: { jobId: data.JobId } },
    headers: { "X-Session-Id": body.SessionId },
  });
  if (JSON.stringify(again.data) !== JSON.stringify(data)) throw new Error(JSON.stringify(again));
  const job = await client.GET("/export/jobs/{jobId}", {
    params: { path: { jobId: data.JobId } },
    headers: { "X-Session-Id": body.SessionId },
  });
  if (job.data?.video_path !== data.VideoPath) throw new Error(JSON.stringify(job));
  console.log(JSON.stringify(data));
}

void main();
