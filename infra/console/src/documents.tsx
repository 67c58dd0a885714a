/** Events and replays: their segments, and a clip of each. */
import { computed, useSignal } from '@preact/signals';
import type { Signal } from '@preact/signals';
import { useEffect, useMemo } from 'preact/hooks';
import { api, persistently } from './api';
import type { Batch, BatchRequest, DocumentName } from './api';
import { clock } from './format';
import { StateMark } from './jobs';
import { go, href } from './route';
import { isAbort, reason, say } from './say';
import { laidOut, segmentsOf } from './segments';
import type { Segment } from './segments';

/** Height of a row of the list, and of the list, in pixels. */
const ROW = 32;
const LIST = 416;

/** Finds a document and shows it. */
export function DocumentsScreen() {
  const name = useSignal<DocumentName | null>(null);
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    const data = new FormData(event.target as HTMLFormElement);
    const [found, program, replay] = ['event', 'program', 'replay'].map((field) => String(data.get(field)).trim());
    name.value = { event: found ?? '', program: program ?? '', replay: replay ?? '' };
  };
  return (
    <section aria-labelledby="title">
      <h1 id="title">Documents</h1>
      <form class="row" onSubmit={submit}>
        <label>
          Event <input name="event" required />
        </label>
        <label>
          Program <input name="program" required />
        </label>
        <label>
          Replay <input name="replay" placeholder="none: the event" />
        </label>
        <button type="submit">Show</button>
      </form>
      {name.value && <DocumentView name={name.value} key={JSON.stringify(name.value)} />}
    </section>
  );
}

/** Audio tracks of a document. */
function tracksOf(document: unknown): string[] {
  const { Event, Replay } = (document ?? {}) as Record<'Event' | 'Replay', { AudioTracksFound?: unknown[]; AudioTrack?: unknown } | undefined>;
  const found = Event?.AudioTracksFound ?? (Replay?.AudioTrack === undefined ? [] : [Replay.AudioTrack]);
  return found.map(String);
}

function DocumentView({ name }: { name: DocumentName }) {
  const document = useSignal<unknown>(null);
  const wrong = useSignal('');
  const track = useSignal('');
  const features = useSignal<readonly string[]>([]);
  const liked = useSignal(false);
  useEffect(() => {
    api.document(name).then(
      (found) => {
        document.value = found;
        track.value = tracksOf(found)[0] ?? '1';
      },
      (error) => (wrong.value = reason(error)),
    );
  }, []);
  const all = useMemo(() => computed(() => segmentsOf(document.value, track.value)), []);
  const chosen = useMemo(
    () => computed(() => all.value.filter((each) => (!liked.value || each.liked) && (!features.value.length || features.value.some((one) => each.features.includes(one))))),
    [],
  );
  const known = [...new Set(all.value.flatMap((segment) => segment.features))].sort();
  const tracks = tracksOf(document.value);
  const save = async (format: 'json' | 'csv'): Promise<void> => {
    try {
      keep(await api.documentText(name, format), `${name.event}.${format}`);
    } catch (error) {
      wrong.value = reason(error);
    }
  };
  return (
    <>
      {wrong.value && <p role="alert">{wrong.value}</p>}
      {!!document.value && (
        <>
          <p class="row">
            <strong>
              {chosen.value.length} of {all.value.length} segments
            </strong>
            {tracks.length > 1 && (
              <label>
                Audio track
                <select value={track.value} onChange={(event) => (track.value = event.currentTarget.value)}>
                  {tracks.map((each) => (
                    <option key={each}>{each}</option>
                  ))}
                </select>
              </label>
            )}
            <label>
              <input type="checkbox" checked={liked.value} onChange={(event) => (liked.value = event.currentTarget.checked)} /> liked only
            </label>
            <button type="button" onClick={() => void save('json')}>
              Save as JSON
            </button>
            <button type="button" onClick={() => void save('csv')}>
              Save as CSV
            </button>
          </p>
          <Features known={known} chosen={features} />
          <SegmentList segments={chosen.value} />
        </>
      )}
      <ClipAll name={name} track={track.value} features={features.value} liked={liked.value} segments={chosen.value} />
    </>
  );
}

/** Saves a text as a file. */
function keep(text: string, name: string): void {
  const url = URL.createObjectURL(new Blob([text]));
  const link = Object.assign(document.createElement('a'), { href: url, download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
}

function Features({ known, chosen }: { known: readonly string[]; chosen: Signal<readonly string[]> }) {
  const toggle = (name: string): void => {
    chosen.value = chosen.value.includes(name) ? chosen.value.filter((each) => each !== name) : [...chosen.value, name];
  };
  if (!known.length) return null;
  return (
    <p class="row chips" role="group" aria-label="Features">
      {known.map((name) => (
        <button type="button" key={name} aria-pressed={chosen.value.includes(name)} onClick={() => toggle(name)}>
          {name}
        </button>
      ))}
    </p>
  );
}

/** A list of any length, of which only the rows on display are in the page. */
function SegmentList({ segments }: { segments: readonly Segment[] }) {
  const top = useSignal(0);
  const first = Math.max(0, Math.floor(top.value / ROW) - 8);
  const shown = segments.slice(first, first + Math.ceil(LIST / ROW) + 16);
  return (
    <div class="segments" tabIndex={0} role="region" aria-label="Segments" onScroll={(event) => (top.value = event.currentTarget.scrollTop)}>
      <div style={{ height: `${segments.length * ROW}px` }}>
        <ul style={{ transform: `translateY(${first * ROW}px)` }}>
          {shown.map((segment, n) => (
            <li key={first + n}>
              <span class="number">{first + n + 1}</span>
              <span>
                {clock(segment.start * 1000)} to {segment.end === null ? '?' : clock(segment.end * 1000)}
              </span>
              <span class="quiet">{segment.better ? `optimised: ${clock(segment.better.start * 1000)} to ${clock(segment.better.end * 1000)}` : ''}</span>
              <span>{[...segment.features, ...(segment.liked ? ['liked'] : [])].join(', ')}</span>
            </li>
          ))}
        </ul>
      </div>
    </div>
  );
}

// ---- a clip of each

function ClipAll(props: { name: DocumentName; track: string; features: readonly string[]; liked: boolean; segments: readonly Segment[] }) {
  const wrong = useSignal('');
  const read = (form: HTMLFormElement) => {
    const data = new FormData(form);
    const text = (field: string): string => String(data.get(field) ?? '').trim();
    return { path: text('path'), zero: text('zero'), shift: Number(text('shift') || 0), times: text('times'), naming: text('naming') };
  };
  const submit = async (form: HTMLFormElement, reel: boolean): Promise<void> => {
    try {
      const given = read(form);
      const zero = given.zero || (await zeroOf(given.path));
      const request = requestOf(props, given, zero);
      go(reel ? 'jobs' : 'batch', await api.clipAll(reel ? reelOf(request) : request));
    } catch (error) {
      wrong.value = reason(error);
    }
  };
  const layOut = async (form: HTMLFormElement): Promise<void> => {
    try {
      const given = read(form);
      const [start, zero] = [await zeroOf(given.path), given.zero ? instantOf(given.zero) : null];
      const late = (zero === null ? 0 : zero - Number(start)) + given.shift;
      const stretches = props.segments.map((segment) => {
        const { start: from, end } = (given.times === 'original' ? null : segment.better) ?? segment;
        return { from: (from * 1000 + late) * 1e6, until: ((end ?? from) * 1000 + late) * 1e6, name: segment.features.join(', ') };
      });
      laidOut.value = new Map([...laidOut.value, [given.path, stretches]]);
      go('cut', given.path);
    } catch (error) {
      wrong.value = reason(error);
    }
  };
  return (
    <form
      class="panel clip-all"
      aria-labelledby="all-title"
      onSubmit={(event) => (event.preventDefault(), void submit(event.currentTarget, (event.submitter as HTMLButtonElement | null)?.value === 'reel'))}
    >
      <h2 id="all-title">Clip all</h2>
      <label class="field">
        Recording
        <input name="path" required placeholder="mp4/device/1/stream.mpd" />
      </label>
      <label class="field">
        Second 0
        <input name="zero" placeholder="start of the recording, or 2019-07-04T15:07:00.833Z" />
      </label>
      <label class="field">
        Shift, ms
        <input name="shift" type="number" value="0" step="1" />
      </label>
      <label class="field">
        Times
        <select name="times">
          <option value="optimized_else_original">optimised, else original</option>
          <option value="original">original</option>
          <option value="optimized">optimised only</option>
        </select>
      </label>
      <label class="field">
        Names
        <input name="naming" value="{event}-{n:03}" />
      </label>
      {wrong.value && <p role="alert">{wrong.value}</p>}
      <p class="row">
        <button type="submit" class="primary">
          Clip all
        </button>
        <button type="submit" value="reel">
          One video
        </button>
        {!!props.segments.length && (
          <button type="button" onClick={(event) => event.currentTarget.form?.reportValidity() && void layOut(event.currentTarget.form)}>
            Show in the recording
          </button>
        )}
      </p>
    </form>
  );
}

function instantOf(text: string): number {
  const ms = /^\d+$/.test(text) ? Number(text) : Date.parse(text);
  if (Number.isNaN(ms)) throw new Error('Second 0 is a time as 2019-07-04T15:07:00.833Z.');
  return ms;
}

/** `StartPos` of the start of a recording; 0 of one without a clock. */
async function zeroOf(path: string): Promise<string> {
  const { start_pos_ms: pos, start_time_ms: time } = await api.recording(path);
  return String(pos === undefined || time === undefined ? 0 : pos - time);
}

type Given = { path: string; shift: number; times: string; naming: string };

function requestOf(
  { name, track, features, liked }: { name: DocumentName; track: string; features: readonly string[]; liked: boolean },
  given: Given,
  zero: string,
): BatchRequest {
  const { event, program, replay } = name;
  return {
    live_path: given.path,
    mre: { event, program, ...(replay && { replay }) },
    zero: /^\d+$/.test(zero) ? Number(zero) : zero,
    container: 'mp4',
    segments: given.times as 'original',
    ...(given.naming && { name: given.naming }),
    ...(given.shift && { shift_ms: given.shift }),
    ...(features.length && { features: [...features] }),
    ...(liked && { liked: true }),
    ...(/^\d+$/.test(track) && { audio_track: Number(track) }),
  } as BatchRequest;
}

/** The same for one clip of all segments, whose name has no number. */
function reelOf({ name, ...request }: BatchRequest): BatchRequest {
  const whole = name?.replace(/[-_ ]*\{n(:\d+)?\}/g, '');
  return { ...request, deliver: 'reel', ...(whole && { name: whole }) } as BatchRequest;
}

// ---- a batch

/** Follows a batch of clips. */
export function BatchScreen({ id }: { id: string }) {
  const batch = useSignal<Batch | null>(null);
  const wrong = useSignal('');
  useEffect(() => {
    const leave = new AbortController();
    const follow = async (): Promise<void> => {
      while (!leave.signal.aborted) {
        const found = await persistently(
          () => api.batch(id, leave.signal),
          (text) => (wrong.value = text),
        );
        batch.value = found;
        if (found.state === 'DONE') {
          say(`${found.counts.ready} of ${found.counts.total} clips are ready`);
          return;
        }
        await new Promise((resolve) => setTimeout(resolve, 1000));
      }
    };
    follow().catch((error) => isAbort(error) || (wrong.value = reason(error)));
    return () => leave.abort();
  }, [id]);
  const found = batch.value;
  return (
    <section aria-labelledby="title">
      <h1 id="title">Clips</h1>
      {wrong.value && <p role="alert">{wrong.value}</p>}
      {found && (
        <div data-state={found.state} data-outcome={found.outcome}>
          <p class="row">
            <progress max={100} value={found.percent} aria-label="The part that is made" /> {found.percent} %: {found.counts.ready} of {found.counts.total} ready
            {!!found.counts.failed && `, ${found.counts.failed} failed`}
            {found.state !== 'DONE' && (
              <button type="button" onClick={() => void api.cancelBatch(id).catch((error) => (wrong.value = reason(error)))}>
                Cancel
              </button>
            )}
          </p>
          {found.next && <p>The first {found.clips.length} are listed.</p>}
          {found.skipped.length > 0 && <p>{found.skipped.length} segments make no clip.</p>}
          <div class="scroll" tabIndex={0} role="region" aria-label="Table of clips">
            <table>
              <thead>
                <tr>
                  <th scope="col">Clip</th>
                  <th scope="col">State</th>
                  <th scope="col">Why</th>
                </tr>
              </thead>
              <tbody>
                {found.clips.map((clip) => (
                  <tr key={clip.n}>
                    <th scope="row">{clip.state === 'PENDING' ? clip.name : <a href={href('jobs', clip.job_id)}>{clip.name}</a>}</th>
                    <td>
                      <StateMark state={clip.state} />
                    </td>
                    <td>{[clip.error, clip.detail].filter(Boolean).join(': ')}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        </div>
      )}
    </section>
  );
}
