/** Jobs: their list, and one of them with its progress, its plan and its files. */
import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { api, isPassing, persistently } from './api';
import type { BatchRequest, ExportRequest, Job, JobFiles, JobWindow } from './api';
import { bytes, clock, instant, length } from './format';
import { go, href } from './route';
import { LongTable } from './rows';
import { isAbort, reason, say } from './say';
import { watch } from './watch';

const STATES = ['QUEUED', 'RUNNING', 'WAITING_SOURCE', 'READY', 'FAILED', 'CANCELLED'] as const;
type State = (typeof STATES)[number];
/** Time between two looks at the list, in ms. */
const LIST_EVERY = 10_000;

const WORDS: Record<string, string> = {
  PENDING: 'not asked for yet',
  QUEUED: 'queued',
  RUNNING: 'at work',
  WAITING_SOURCE: 'waits for the recording',
  READY: 'ready',
  FAILED: 'failed',
  CANCELLED: 'cancelled',
};
const MARKS: Record<string, string> = { PENDING: '·', QUEUED: '…', RUNNING: '▸', WAITING_SOURCE: '◷', READY: '✓', FAILED: '✗', CANCELLED: '–' };

/** `true` once a job does not change by itself any more. */
export function isOver(job: Job): boolean {
  return job.state === 'READY' || job.state === 'FAILED' || job.state === 'CANCELLED';
}

/** A state in words. */
export function wordsOf(state: string): string {
  return WORDS[state] ?? state;
}

/** A state, told by its sign, its words and its colour. */
export function StateMark({ state }: { state: string }) {
  return (
    <span class={`state ${state.toLowerCase()}`}>
      <span aria-hidden="true">{MARKS[state] ?? '?'}</span> {wordsOf(state)}
    </span>
  );
}

/** Lists the newest jobs. */
export function JobsScreen() {
  const jobs = useSignal<Job[]>([]);
  const next = useSignal<string | null>(null);
  const state = useSignal<State | ''>('');
  const wrong = useSignal('');
  const loaded = useSignal(false);
  const load = async (cursor = ''): Promise<void> => {
    try {
      const page = await api.jobs({ limit: 50, ...(state.value && { state: state.value }), ...(cursor && { cursor }) });
      jobs.value = cursor ? [...jobs.value, ...page.jobs] : page.jobs;
      next.value = page.next;
      [wrong.value, loaded.value] = ['', true];
    } catch (error) {
      wrong.value = reason(error);
    }
  };
  useEffect(() => {
    void load();
    const look = (): void => void (document.visibilityState === 'visible' && jobs.value.length <= 50 && load());
    const timer = setInterval(look, LIST_EVERY);
    document.addEventListener('visibilitychange', look);
    return () => (clearInterval(timer), document.removeEventListener('visibilitychange', look));
  }, [state.value]);
  return (
    <section aria-labelledby="title">
      <h1 id="title">Jobs</h1>
      <label>
        State{' '}
        <select value={state.value} onChange={(event) => (state.value = event.currentTarget.value as State | '')}>
          <option value="">all</option>
          {STATES.map((each) => (
            <option value={each} key={each}>
              {WORDS[each]}
            </option>
          ))}
        </select>
      </label>
      {wrong.value && <p role="alert">{wrong.value}</p>}
      <div class="scroll" tabIndex={0} role="region" aria-label="Table of jobs">
        <table>
          <thead>
            <tr>
              <th scope="col">File</th>
              <th scope="col">State</th>
              <th scope="col">Made</th>
              <th scope="col">Start</th>
              <th scope="col">Length</th>
              <th scope="col">Asked for</th>
            </tr>
          </thead>
          <tbody>
            {jobs.value.map((job) => (
              <JobRow job={job} key={job.id} />
            ))}
          </tbody>
        </table>
      </div>
      {loaded.value && !jobs.value.length && <p>There is no such job.</p>}
      {next.value && (
        <button type="button" onClick={() => void load(next.value ?? '')}>
          More
        </button>
      )}
    </section>
  );
}

function JobRow({ job }: { job: Job }) {
  return (
    <tr>
      <th scope="row">
        <a href={href('jobs', job.id)}>{job.file_name ?? 'picture'}</a>
      </th>
      <td>
        <StateMark state={job.state} />
      </td>
      <td class="number">{job.percent} %</td>
      <td>{instant(job.request.start_pos_ms)}</td>
      <td class="number">{length(job.request.duration_ms)}</td>
      <td>{instant(Date.parse(job.created))}</td>
    </tr>
  );
}

/** Follows one job until it is over. */
export function JobScreen({ id }: { id: string }) {
  return (
    <section aria-labelledby="title">
      <h1 id="title">Job</h1>
      <JobView id={id} />
    </section>
  );
}

/** One job; `onChange` learns of each change. */
export function JobView({ id, onChange }: { id: string; onChange?: (job: Job) => void }) {
  const job = useSignal<Job | null>(null);
  const wrong = useSignal('');
  const round = useSignal(0);
  useEffect(() => {
    const leave = new AbortController();
    const show = (found: Job): void => {
      if (found.state !== job.value?.state) say(`Job ${wordsOf(found.state)}`);
      else if (Math.floor(found.percent / 10) > Math.floor(job.value.percent / 10)) say(`${found.percent} per cent`);
      job.value = found;
      onChange?.(found);
    };
    follow(id, show, (text) => (wrong.value = text), leave.signal).catch((error) => isAbort(error) || (wrong.value = reason(error)));
    return () => leave.abort();
  }, [id, round.value]);
  const act = async (what: () => Promise<unknown>): Promise<void> => {
    try {
      await what();
      wrong.value = '';
      round.value += 1;
    } catch (error) {
      wrong.value = reason(error);
    }
  };
  return (
    <>
      {wrong.value && <p role="alert">{wrong.value}</p>}
      {job.value && <JobDetails job={job.value} act={act} />}
    </>
  );
}

/** Shows a job at each of its changes: the first reply at once, then every second and at its end. */
async function follow(id: string, show: (job: Job) => void, trouble: (text: string) => void, signal: AbortSignal): Promise<void> {
  const look = (): Promise<Job> => persistently(() => api.job(id, false, signal), trouble);
  let job = await look();
  show(job);
  while (!isOver(job) && !signal.aborted) {
    // The end is told as soon as it comes; until then a look now and then shows the progress.
    let waits = true;
    const ended = api.job(id, true, signal).then(
      (found) => ((waits = false), found),
      (error: unknown) => ((waits = false), isPassing(error) ? null : Promise.reject(error)),
    );
    while (waits && !signal.aborted) {
      await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, 1000))]);
      if (waits && document.visibilityState === 'visible') show(await look());
    }
    job = (await ended) ?? (await look());
    show(job);
  }
}

function JobDetails({ job, act }: { job: Job; act: (what: () => Promise<unknown>) => Promise<void> }) {
  const { request, plan } = job;
  const over = isOver(job);
  return (
    <article class="job" data-state={job.state} data-job={job.id}>
      <h2>
        {job.file_name ?? 'Picture'} <StateMark state={job.state} />
      </h2>
      {!over && (
        <p>
          <progress max={100} value={job.percent} aria-label="The part that is made" /> {job.percent} %{job.phase && `, ${job.phase}`}
          {job.chunks && `, ${job.chunks.made} of ${job.chunks.count} chunks`}
        </p>
      )}
      {job.error && <Failure job={job} />}
      <dl>
        <dt>Recording</dt>
        <dd>
          <a href={href('cut', request.live_path)}>{request.live_path}</a>
        </dd>
        <dt>Window</dt>
        <dd>
          {request.window_count !== undefined && `${request.window_count} windows of together ${length(request.duration_ms)}; the first one from `}
          {instant(request.start_pos_ms)} UTC, recording time {clock(request.start_time_ms)}
          {request.window_count === undefined && `, ${length(request.duration_ms)}`}
        </dd>
        {plan?.kind && <Plan job={job} />}
        {job.bytes !== undefined && (
          <>
            <dt>Size</dt>
            <dd>{bytes(job.bytes)}</dd>
          </>
        )}
        {!!job.lack_ms && (
          <>
            <dt>Lacking</dt>
            <dd>
              {length(job.lack_ms)} are not recorded
              {job.holes?.map((hole) => `; ${length(hole.duration_ms)} from ${instant(hole.start_pos_ms)}`)}
            </dd>
          </>
        )}
        {!!job.skipped?.length && (
          <>
            <dt>Left out</dt>
            <dd>{job.skipped.length} entries of the list, which make no window</dd>
          </>
        )}
        {job.warnings?.map((warning) => (
          <div key={warning.code}>
            <dt>Warning</dt>
            <dd>
              {warning.code.replaceAll('_', ' ')}: {warning.detail}
            </dd>
          </div>
        ))}
        <dt>Name</dt>
        <dd>
          <code>{job.id}</code>
        </dd>
      </dl>
      <p class="row">
        {!over && (
          <button type="button" onClick={() => void act(() => api.remove(job.id))}>
            Cancel
          </button>
        )}
        {(job.state === 'FAILED' || job.state === 'CANCELLED') && request.wanted !== 'thumbnail' && (
          <button type="button" onClick={() => void act(async () => go('jobs', await (job.windows ? api.clipAll(reelAgain(job, job.windows)) : api.submit(again(job)))))}>
            Again
          </button>
        )}
      </p>
      {job.play?.dash && <Watch address={job.play.dash} ready={job.state === 'READY'} key={job.play.dash} />}
      {job.state === 'READY' && <Files job={job} />}
      {job.windows && <Windows windows={job.windows} />}
    </article>
  );
}

/** The windows of a reel, and what became of each. */
function Windows({ windows }: { windows: readonly JobWindow[] }) {
  return (
    <LongTable
      label="Windows of the reel"
      kind="windows"
      head={['Window', 'Recording time', 'In the reel', 'Notes']}
      items={windows}
      cells={(each) => [
        <a href={href('cut', each.live_path)}>
          {each.n}
          {each.name && `: ${each.name}`}
        </a>,
        `${clock(each.start_time_ms)}, ${length(each.duration_ms)}`,
        each.at_ms === undefined || !each.delivered_ms ? '' : `${clock(each.at_ms)}, ${length(each.delivered_ms)}`,
        [each.left_out && `left out: ${each.left_out}`, each.lack_ms && `${length(each.lack_ms)} are not recorded`, ...(each.warnings ?? [])]
          .filter(Boolean)
          .join('; ')
          .replaceAll('_', ' '),
      ]}
    />
  );
}

/** The clip as a playlist, which is often there before its file. */
function Watch({ address, ready }: { address: string; ready: boolean }) {
  const video = useRef<HTMLVideoElement>(null);
  const shown = useSignal(false);
  const wrong = useSignal('');
  useEffect(() => {
    if (!shown.value || !video.current) return;
    const leave = new AbortController();
    watch(video.current, address, leave.signal).catch((error) => isAbort(error) || (wrong.value = reason(error)));
    return () => leave.abort();
  }, [shown.value]);
  return (
    <>
      <p class="row">
        <button type="button" aria-expanded={shown.value} onClick={() => (shown.value = !shown.value)}>
          Watch at once
        </button>
        {!ready && <span class="quiet">The clip can be watched before its file is there.</span>}
      </p>
      {wrong.value && <p role="alert">{wrong.value}</p>}
      {shown.value && <video ref={video} class="clip instant" controls playsInline aria-label="The clip, as its parts" />}
    </>
  );
}

function Plan({ job }: { job: Job }) {
  const plan = job.plan;
  if (!plan) return null;
  const all = (plan.frames_encoded ?? 0) + (plan.frames_copied ?? 0);
  return (
    <>
      <dt>Plan</dt>
      <dd data-encoded={plan.frames_encoded} data-copied={plan.frames_copied}>
        {plan.kind}: {plan.frames_encoded} of {all} frames encoded{plan.reason && `; ${plan.reason}`}
      </dd>
    </>
  );
}

/** What a person can do about a failure, by its message. */
const MOVES: readonly [RegExp, string][] = [
  [/no media in window/, 'Choose a window that the recording has: open it in Cut.'],
  [/timed out/, 'Ask again. If it fails again, the recording or a service is at fault.'],
  [/access denied|denied/, 'An operator must let the service read the recording or write to the target.'],
  [/no such recording|source/i, 'See that the path is right, and that the recording is not deleted.'],
  [/codec|encrypted/, 'No clip can be made of such a recording.'],
];

function Failure({ job }: { job: Job }) {
  const move = MOVES.find(([pattern]) => pattern.test(job.error ?? ''))?.[1];
  return (
    <p role="alert">
      {job.error}
      {job.detail && `: ${job.detail}`}. {move}
    </p>
  );
}

/** The request that a job was made by. */
function again(job: Job): ExportRequest {
  const { request } = job;
  const codecs = { as_recorded: 0, h264: 1, h265: 2, unknown: 0 } as const;
  return {
    ServiceCaller: 'mma',
    FetchMedia: true,
    StartPos: request.start_pos_ms,
    StartTime: String(request.start_time_ms),
    Duration: request.duration_ms,
    LivePath: request.live_path,
    export_type: codecs[request.export_type],
    container: job.container === 'mp4' ? 'mp4' : 'ts',
    ...(job.file_name && { FileName: job.file_name.replace(/\.(ts|mp4)$/, '') }),
  };
}

/** The request for the same reel: its windows as they were made of the list. */
function reelAgain(job: Job, windows: readonly JobWindow[]): BatchRequest {
  const zeros = new Set(windows.map((each) => each.start_pos_ms - each.start_time_ms));
  const [zero] = zeros;
  return {
    deliver: 'reel',
    clips: windows.map(({ live_path, start_pos_ms, duration_ms, name }) => ({
      live_path,
      start: new Date(start_pos_ms).toISOString(),
      duration_ms,
      ...(name && { name }),
    })),
    export_type: job.request.export_type === 'unknown' ? 'as_recorded' : job.request.export_type,
    container: job.container === 'mp4' ? 'mp4' : 'ts',
    ...(zeros.size === 1 && zero !== undefined && zero >= 0 && { zero }),
    ...(job.file_name && { name: job.file_name.replace(/\.(ts|mp4)$/, '') }),
  } as BatchRequest;
}

function Files({ job }: { job: Job }) {
  const shown = useSignal<JobFiles | null>(null);
  const saved = useSignal<JobFiles | null>(null);
  const wrong = useSignal('');
  useEffect(() => {
    Promise.all([api.files(job.id, true), api.files(job.id, false)]).then(
      ([inline, attached]) => ([shown.value, saved.value] = [inline, attached]),
      (error) => (wrong.value = reason(error)),
    );
  }, [job.id]);
  const video = shown.value?.video;
  return (
    <>
      {wrong.value && <p>{wrong.value}</p>}
      {video?.content_type === 'video/mp4' && (
        <video class="clip" controls preload="metadata" src={video.url} poster={shown.value?.image?.url} aria-label={`The clip ${video.file_name}`} />
      )}
      {video && video.content_type !== 'video/mp4' && <p>A browser does not play .ts files.</p>}
      {!video && shown.value?.image && <img class="clip" src={shown.value.image.url} alt="The first frame of the window" />}
      <p class="row">
        {[saved.value?.video, saved.value?.image].map(
          (file) =>
            file && (
              <a class="button" href={file.url} key={file.file_name}>
                Download {file.file_name} ({bytes(file.bytes)})
              </a>
            ),
        )}
      </p>
    </>
  );
}
