/** Events and replays: their segments, and a clip of each. */
import { computed, signal, useSignal } from '@preact/signals';
import type { Signal } from '@preact/signals';
import { useEffect, useMemo } from 'preact/hooks';
import { api, persistently } from './api';
import type { BatchRequest, DocumentName } from './api';
import { clock } from './format';
import { isOver, wordsOf } from './jobs';
import { go, href } from './route';
import { LongTable } from './rows';
import { isAbort, reason } from './say';
import { laidOut, segmentsOf } from './segments';
import type { Segment } from './segments';

/** Time between two looks at what is being made, in ms. */
const LOOK = 2000;

/** Something that was asked for on this screen since the page was opened. */
interface Made {
  readonly screen: 'batch' | 'jobs';
  readonly id: string;
  readonly title: string;
}

/** All that was made, by the document: the newest first. */
const made = signal<ReadonlyMap<string, readonly Made[]>>(new Map());

/** The address of a document. Its names may have slashes. */
function addressOf({ event, program, replay }: DocumentName): string {
  return [event, program, ...(replay ? [replay] : [])].map(encodeURIComponent).join('/');
}

/** The document that an address names. */
function namedBy(argument: string): DocumentName | null {
  const [event = '', program = '', replay = ''] = argument.split('/').map(decodeURIComponent);
  return event && program ? { event, program, replay } : null;
}

/** Finds a document and shows it. */
export function DocumentsScreen({ argument }: { argument: string }) {
  const name = namedBy(argument);
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    const data = new FormData(event.target as HTMLFormElement);
    const [found, program, replay] = ['event', 'program', 'replay'].map((field) => String(data.get(field)).trim());
    go('documents', addressOf({ event: found ?? '', program: program ?? '', replay: replay ?? '' }));
  };
  return (
    <section aria-labelledby="title">
      <h1 id="title">Documents</h1>
      <form class="row" onSubmit={submit} key={`find ${argument}`}>
        <label>
          Event <input name="event" required defaultValue={name?.event} />
        </label>
        <label>
          Program <input name="program" required defaultValue={name?.program} />
        </label>
        <label>
          Replay <input name="replay" placeholder="none: the event" defaultValue={name?.replay} />
        </label>
        <button type="submit">Show</button>
      </form>
      {name && <DocumentView name={name} key={argument} />}
    </section>
  );
}

/** What was asked for of a document, with the ways there. */
function MadeList({ made }: { made: readonly Made[] }) {
  return (
    <section aria-labelledby="made-title">
      <h2 id="made-title">Made of this document</h2>
      <ul class="files">
        {made.map((each) => (
          <li key={each.id}>
            <a href={href(each.screen, each.id)}>{each.title}</a> <MadeState made={each} />
          </li>
        ))}
      </ul>
    </section>
  );
}

/** How far it is; looked for until it has ended. */
function MadeState({ made: { screen, id } }: { made: Made }) {
  const text = useSignal('');
  useEffect(() => {
    const leave = new AbortController();
    const follow = async (): Promise<void> => {
      for (let over = false; !over; ) {
        const ask = (): Promise<[string, boolean]> => stateOf(screen, id, leave.signal);
        [text.value, over] = await persistently(ask, (trouble) => trouble && (text.value = trouble));
        if (!over) await new Promise((resolve) => setTimeout(resolve, LOOK));
        leave.signal.throwIfAborted();
      }
    };
    follow().catch((error) => isAbort(error) || (text.value = reason(error)));
    return () => leave.abort();
  }, [id]);
  return <span class="quiet">{text.value}</span>;
}

/** What to say of a batch or a job, and `true` if that does not change any more. */
async function stateOf(screen: Made['screen'], id: string, signal: AbortSignal): Promise<[string, boolean]> {
  if (screen === 'jobs') {
    const job = await api.job(id, false, signal);
    return [isOver(job) ? wordsOf(job.state) : `${wordsOf(job.state)}, ${job.percent} %`, isOver(job)];
  }
  const { counts, percent, state } = await api.batch(id, { limit: 1 }, signal);
  const told = `${counts.ready} of ${counts.total} ready${counts.failed ? `, ${counts.failed} failed` : ''}`;
  return state === 'DONE' ? [told, true] : [`${told}, ${percent} %`, false];
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
      {!!made.value.get(addressOf(name)) && <MadeList made={made.value.get(addressOf(name)) ?? []} />}
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

function SegmentList({ segments }: { segments: readonly Segment[] }) {
  return (
    <LongTable
      label="Segments"
      kind="segments"
      head={['Segment', 'Times', 'Optimised', 'Features']}
      items={segments}
      cells={(segment, n) => [
        n + 1,
        `${clock(segment.start * 1000)} to ${segment.end === null ? '?' : clock(segment.end * 1000)}`,
        segment.better ? `${clock(segment.better.start * 1000)} to ${clock(segment.better.end * 1000)}` : '',
        [...segment.features, ...(segment.liked ? ['liked'] : [])].join(', '),
      ]}
    />
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
      const id = await api.clipAll(reel ? reelOf(request) : request);
      const screen = reel ? 'jobs' : 'batch';
      remember(props.name, { screen, id, title: titleOf(props, reel) });
      go(screen, id);
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

function remember(name: DocumentName, one: Made): void {
  const key = addressOf(name);
  const before = (made.value.get(key) ?? []).filter(({ id }) => id !== one.id);
  made.value = new Map([...made.value, [key, [one, ...before]]]);
}

/** What is asked for, in words. */
function titleOf({ segments, features, liked }: { segments: readonly Segment[]; features: readonly string[]; liked: boolean }, reel: boolean): string {
  const of = segments.length ? ` of ${segments.length} segments` : '';
  const which = [...features, ...(liked ? ['liked'] : [])].join(', ');
  return `${reel ? 'One video' : 'Clips'}${of}${which && `: ${which}`}`;
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
