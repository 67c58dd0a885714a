/** The service's API, by the types of its document. */
import createClient from 'openapi-fetch';
import type { components, paths } from './export';
import { refuse, session } from './session';

type Schemas = components['schemas'];
export type Job = Schemas['Job'];
export type JobFiles = Schemas['JobFiles'];
export type ClipPlan = Schemas['ClipPlan'];
export type JobWindow = Schemas['JobWindow'];
export type Recording = Schemas['Recording'];
export type RecordingPage = Schemas['RecordingPage'];
export type Batch = Schemas['Batch'];
export type BatchRequest = Schemas['BatchRequest'];
export type ExportRequest = Schemas['ExportRequest'];

/** What a document is found by; without a replay it is the event's. */
export interface DocumentName {
  readonly event: string;
  readonly program: string;
  readonly replay: string;
}

/** The service refused a request, or did not answer. The message is for people. */
export class Refused extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** Time until a service that did not answer is asked again, in ms. */
const AGAIN = 2000;

/** `true` for what may be over when it is asked for again. */
export function isPassing(error: unknown): boolean {
  return error instanceof Refused && (error.status === 0 || error.status === 429 || error.status >= 500);
}

/** Asks until there is an answer; `trouble` learns why there is none yet, and with an empty text that there is. */
export async function persistently<T>(ask: () => Promise<T>, trouble: (text: string) => void): Promise<T> {
  for (;;) {
    try {
      const answer = await ask();
      trouble('');
      return answer;
    } catch (error) {
      if (!isPassing(error)) throw error;
      trouble(`${(error as Refused).message} It is asked again.`);
      await new Promise((resolve) => setTimeout(resolve, AGAIN));
    }
  }
}

/** Sends a request with the session; one that is refused waits for another session and is sent again. */
async function withSession(request: Request): Promise<Response> {
  for (;;) {
    const id = await session();
    const sent = request.clone();
    sent.headers.set('X-Session-Id', id);
    const reply = await fetch(sent);
    if (reply.status !== 401 && !(await isLegacyRefusal(reply))) return reply;
    refuse(id);
  }
}

/** The route of clips may be deployed so that every reply is 200. */
async function isLegacyRefusal(reply: Response): Promise<boolean> {
  if (!reply.url.endsWith('/export')) return false;
  const body: unknown = await reply.clone().json().catch(() => null);
  return (body as { ErrorMessage?: string } | null)?.ErrorMessage === 'session invalid';
}

const client = createClient<paths>({ baseUrl: location.origin, fetch: withSession, credentials: 'omit' });

/** What a call gave, if the service did as it was asked. */
type Outcome<T> = { data?: T; error?: unknown; response: Response };

async function done<T>(call: Promise<Outcome<T>>): Promise<T> {
  let outcome: Outcome<T>;
  try {
    outcome = await call;
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') throw error;
    throw new Refused(0, 'The service does not answer.');
  }
  const { data, error, response } = outcome;
  if (response.ok && data !== undefined) return data;
  throw new Refused(response.status, words(error, response.status));
}

/** What a refusal says. */
function words(error: unknown, status: number): string {
  const body = (error ?? {}) as { detail?: string; ErrorMessage?: string; message?: string };
  return body.detail ?? body.ErrorMessage ?? body.message ?? `The service answered ${status}.`;
}

/** The header that has the service wait for news. */
const WAIT = { Prefer: 'wait=20' };

export const api = {
  /** A page of jobs, the newest first. */
  jobs: (query: { state?: Schemas['State']; cursor?: string; limit?: number }) =>
    done(client.GET('/export/jobs', { params: { query: query as never } })),

  /** A job; with `wait` once it has ended, or after 20 s. */
  job: (jobId: string, wait: boolean, signal?: AbortSignal) =>
    done(client.GET('/export/jobs/{jobId}', { params: { path: { jobId } }, headers: wait ? WAIT : {}, signal: signal ?? null })),

  /** Cancels a job in work, and forgets one that has ended. */
  remove: async (jobId: string) => {
    const { response, error } = await client.DELETE('/export/jobs/{jobId}', { params: { path: { jobId } } });
    if (!response.ok) throw new Refused(response.status, words(error, response.status));
  },

  /** Links to a job's files, such as browsers show or save. */
  files: (jobId: string, inline: boolean) =>
    done(client.GET('/export/jobs/{jobId}/files', { params: { path: { jobId }, query: { inline: inline ? '1' : '0' } as never } })),

  /** What lies in a folder of recordings. */
  recordings: (under: string, cursor: string) =>
    done(client.GET('/recordings', { params: { query: { under, ...(cursor && { cursor }) } } })),

  /** What a recording holds. */
  recording: (path: string) => done(client.GET('/recordings/{path}', { params: { path: { path } } })),

  /** The same with links to its media in a part of it, in ms of recording time. */
  recordingPart: (path: string, from: number, to: number) =>
    done(client.GET('/recordings/{path}', { params: { path: { path }, query: { from, to } } })),

  /** How a clip would be made. */
  plan: (body: ExportRequest, signal: AbortSignal) => done(client.POST('/export/plan', { body, signal })),

  /** Asks for a clip; gives its job's name. */
  submit: async (body: ExportRequest): Promise<string> => {
    const reply = await done(client.POST('/export', { body }));
    if (!reply.JobId || reply.ErrorCode === -1) throw new Refused(200, reply.ErrorMessage);
    return reply.JobId;
  },

  /** The document of an event, or of a replay of it. */
  document: ({ event, program, replay }: DocumentName): Promise<unknown> =>
    replay
      ? done(client.GET('/export/data/replay', { params: { query: { id: replay, event, program } } }))
      : done(client.GET('/export/data/event', { params: { query: { event, program } } })),

  /** The same as the text of a file. */
  documentText: async ({ event, program, replay }: DocumentName, format: 'json' | 'csv'): Promise<string> => {
    const query = new URLSearchParams({ event, program, format, ...(replay && { id: replay }) });
    const reply = await withSession(new Request(`${location.origin}/export/data/${replay ? 'replay' : 'event'}?${query}`));
    if (!reply.ok) throw new Refused(reply.status, words(await reply.json().catch(() => null), reply.status));
    return reply.text();
  },

  /** Asks for a clip of each segment, and gives the batch's name; or for one of all of them, and gives the job's. */
  clipAll: async (body: BatchRequest): Promise<string> => (await done(client.POST('/export/batch', { body }))).id,

  /** A batch with a page of its clips. */
  batch: (batchId: string, query: { cursor?: string; limit: number }, signal: AbortSignal): Promise<Batch> =>
    // The document has lists of clips for editors beside it, which are texts.
    done(client.GET('/export/batch/{batchId}', { params: { path: { batchId }, query }, signal })) as Promise<Batch>,

  /** Cancels what is left of a batch. */
  cancelBatch: (batchId: string) => done(client.DELETE('/export/batch/{batchId}', { params: { path: { batchId } } })),
};
