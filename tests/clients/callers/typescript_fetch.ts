// A clip by way of the client that openapi-generator makes for fetch: `URL` and the request's body; prints the reply.
import { ClipsAndPicturesApi, Configuration, ExportRequestFromJSON, ReplyToJSON } from "./generated/index";

declare const process: { argv: string[] };

async function main(): Promise<void> {
  const [url, text] = process.argv.slice(2);
  const body = JSON.parse(text!);
  const api = new ClipsAndPicturesApi(new Configuration({ basePath: url, apiKey: body.SessionId }));
  const exportRequest = ExportRequestFromJSON(body);
  let reply = await api.submitExport({ exportRequest, prefer: "wait=20" });
  while (reply.timeWait > 0) {
    await new Promise((done) => setTimeout(done, reply.timeWait));
    reply = await api.submitExport({ exportRequest, prefer: "wait=20" });
  }
  const again = await api.getExport({ jobId: reply.jobId! });
  if (JSON.stringify(again) !== JSON.stringify(reply)) throw new Error(JSON.stringify(again));
  const job = await api.getJob({ jobId: reply.jobId! });
  if (job.videoPath !== reply.videoPath) throw new Error(JSON.stringify(job));
  console.log(JSON.stringify(ReplyToJSON(reply)));
}

void main();
