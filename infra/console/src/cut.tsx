/** Cuts a recording: shows it by its frames, marks the first and the last one, and has the clip made. */
import { batch, computed, signal, useSignal } from '@preact/signals';
import { useEffect, useMemo, useRef } from 'preact/hooks';
import { api } from './api';
import type { ClipPlan, Job, Recording } from './api';
import { Footage } from './footage';
import { bytes, clock, instant, length, parseClock, wallClock } from './format';
import { JobView } from './jobs';
import { TITLES, actionOf, giveKey, keysOf, resetKeys, signOf } from './keys';
import type { Action } from './keys';
import { Player } from './player';
import { bodyOf, copies } from './request';
import type { Codec, Marks } from './request';
import { isAbort, reason, say } from './say';
import { laidOut } from './segments';
import { Timeline } from './timeline';
import type { Drawn, Stretch } from './timeline';

const MS = 1e6;
/** A plan is asked for when nothing was changed for so long, in ms. */
const SETTLED = 300;
/** Time between two looks at a recording that grows, in ms. */
const LOOK = 4000;

/** A picture that the service made of a time in ns. */
interface Picture {
  readonly at: number;
  readonly address: string;
}

/** All that is known of one recording while it is on display. */
class Desk {
  readonly path: string;
  readonly footage: Footage;
  player: Player | null = null;
  readonly recording = signal<Recording | null>(null);
  readonly from = signal<number | null>(null);
  readonly until = signal<number | null>(null);
  readonly name = signal('');
  readonly codec = signal<Codec>(0);
  readonly plan = signal<ClipPlan | null>(null);
  readonly planned = signal('');
  readonly wrong = signal('');
  readonly job = signal('');
  /** The picture that was made last of a recording that the page does not show. */
  readonly picture = signal<Picture | null>(null);
  readonly clips = signal<Stretch[]>([]);
  readonly view = signal<Stretch>({ from: 0, until: 60e9 });
  readonly wall = signal(true);
  readonly help = signal(false);
  /** Counts what is learnt of the recording. */
  readonly changes = signal(0);
  readonly playhead = signal<number | null>(null);

  readonly marks = computed<Marks | null>(() => {
    const [from, until] = [this.from.value, this.until.value];
    return from !== null && until !== null && until > from ? { from, until } : null;
  });

  readonly range = computed<Stretch>(() => {
    const { start_time_ms: start = 0, end_time_ms: end = 0 } = this.recording.value ?? {};
    return { from: start * MS, until: end * MS };
  });

  readonly drawn = computed<Drawn>(() => {
    const holes = (this.recording.value?.holes ?? []).map((hole) => ({
      from: hole.start_time_ms * MS,
      until: (hole.start_time_ms + hole.duration_ms) * MS,
    }));
    return {
      view: this.view.value,
      range: this.range.value,
      holes,
      playhead: this.playhead.value,
      from: this.from.value,
      until: this.until.value,
      ...this.parts.value,
      clips: this.clips.value,
      segments: laidOut.value.get(this.path) ?? [],
    };
  });

  /** What the plan makes of the window. */
  private readonly parts = computed(() => {
    const none = { copied: [], encoded: [], lacking: [] } as Record<'copied' | 'encoded' | 'lacking', Stretch[]>;
    const [plan, marks] = [this.plan.value, this.marks.value];
    void this.changes.value;
    if (!plan || !marks) return none;
    const frames = this.footage.frames.between(marks.from, marks.until);
    const head = frames[plan.frames_encoded_head]?.start ?? marks.until;
    const tail = plan.frames_encoded_tail ? (frames.at(-plan.frames_encoded_tail)?.start ?? marks.until) : marks.until;
    const from = plan.frames_encoded_head ? head : marks.from;
    const whole = plan.frames_copied === 0;
    const lacking = (this.recording.value?.holes ?? [])
      .map((hole) => ({ from: hole.start_time_ms * MS, until: (hole.start_time_ms + hole.duration_ms) * MS }))
      .filter((hole) => hole.until > marks.from && hole.from < marks.until);
    if (whole) return { ...none, encoded: [marks], lacking };
    const encoded = [{ from: marks.from, until: from }, { from: tail, until: marks.until }].filter((part) => part.until > part.from);
    return { copied: [{ from, until: tail }], encoded, lacking };
  });

  constructor(path: string) {
    this.path = path;
    this.footage = new Footage(path);
    this.footage.onChange = () => {
      this.changes.value += 1;
      this.recording.value = this.footage.recording;
    };
  }

  /** `StartPos` of recording time zero. */
  get zeroPosMs(): number | null {
    const known = this.footage.zeroPosMs;
    if (known !== null || this.recording.value?.clock !== 'wall') return known;
    const { start_pos_ms: pos, start_time_ms: time } = this.recording.value;
    return pos !== undefined && time !== undefined ? pos - time : null;
  }

  /** A time as the page shows it. */
  readonly clock = (ns: number): string => {
    const ms = Math.floor((ns + 2) / MS);
    const zero = this.zeroPosMs;
    return this.wall.value && zero !== null ? wallClock(zero + ms) : clock(ms);
  };

  /** A time that a person typed; `null` if it is none. */
  parse(text: string): number | null {
    const ms = parseClock(text, this.fps);
    const zero = this.zeroPosMs;
    if (ms === null || !this.wall.value || zero === null) return ms === null ? null : ms * MS;
    // The time of a day: the one that is nearest to the playhead.
    const day = 86_400_000;
    const near = zero + (this.playhead.value ?? this.range.value.from) / MS;
    const at = ms + Math.round((near - ms) / day) * day;
    return (at - zero) * MS;
  }

  get fps(): number {
    const [over = 25, under = 1] = (this.recording.value?.video?.frame_rate ?? '25').split('/').map(Number);
    return over / under || 25;
  }

  wish() {
    const marks = this.marks.value;
    if (!marks) return null;
    return { path: this.path, marks, zeroPosMs: this.zeroPosMs, name: this.name.value, codec: this.codec.value };
  }
}

/** Shows the recording at `path`. */
export function CutScreen({ path }: { path: string }) {
  const desk = useMemo(() => new Desk(path), [path]);
  const video = useRef<HTMLVideoElement>(null);
  useEffect(() => {
    if (!video.current) return;
    const player = new Player(video.current, desk.footage);
    desk.player = player;
    const stop = player.shown.subscribe((frame) => {
      if (!frame) return;
      desk.playhead.value = frame.start;
      keepInView(desk, frame.start);
    });
    void begin(desk, player);
    const timer = setInterval(() => void look(desk), LOOK);
    const press = (event: KeyboardEvent): void => onKey(desk, event);
    document.addEventListener('keydown', press);
    return () => (stop(), player.close(), clearInterval(timer), document.removeEventListener('keydown', press));
  }, [desk]);
  usePlan(desk);
  const player = desk.player;
  return (
    <section class="cut" aria-labelledby="title" data-playhead={desk.playhead.value ?? undefined} data-from={desk.from.value ?? undefined} data-until={desk.until.value ?? undefined}>
      <h1 id="title">Cut</h1>
      <p class="path">
        <code>{path}</code> <Facts recording={desk.recording.value} />
      </p>
      {(desk.wrong.value || player?.wrong.value) && <p role="alert">{desk.wrong.value || player?.wrong.value}</p>}
      <div class="desk">
        <div class="screen">
          <video ref={video} playsInline tabIndex={-1} aria-label="The recording" hidden={!!player?.unseen.value} />
          {player?.unseen.value && <Unseen desk={desk} why={player.unseen.value} />}
          <Transport desk={desk} />
        </div>
        <Panel desk={desk} />
      </div>
      <Timeline
        footage={desk.footage}
        drawn={desk.drawn}
        changes={desk.changes}
        clock={desk.clock}
        text={(ns) => describe(desk, ns)}
        onSeek={(ns) => void desk.player?.show(Math.max(0, ns))}
        onZoom={(factor, at) => zoom(desk, factor, at)}
      />
      <p class="row">
        <label>
          <input type="checkbox" checked={desk.wall.value} onChange={(event) => (desk.wall.value = event.currentTarget.checked)} /> UTC in place of recording time
        </label>
        <button type="button" onClick={() => act(desk, 'zoomIn')} aria-label="Zoom in">
          +
        </button>
        <button type="button" onClick={() => act(desk, 'zoomOut')} aria-label="Zoom out">
          −
        </button>
        <Legend />
        <button type="button" aria-expanded={desk.help.value} onClick={() => (desk.help.value = !desk.help.value)}>
          Keys{hint('help')}
        </button>
      </p>
      {desk.help.value && <Help />}
      {desk.job.value && (
        <section aria-label="The job" class="made">
          <JobView id={desk.job.value} key={desk.job.value} onChange={(job) => void isMade(desk, job)} />
        </section>
      )}
    </section>
  );
}

async function begin(desk: Desk, player: Player): Promise<void> {
  try {
    const recording = await desk.footage.refresh();
    desk.recording.value = recording;
    desk.wall.value = recording.clock === 'wall';
    const { from, until } = desk.range.value;
    desk.view.value = { from, until: Math.max(from + 2e9, Math.min(until, from + 600e9)) };
    void listClips(desk);
    await player.open(from);
    if (recording.video?.problem) desk.wrong.value = recording.video.problem;
  } catch (error) {
    desk.wrong.value = reason(error);
  }
}

async function look(desk: Desk): Promise<void> {
  if (document.visibilityState !== 'visible' || !desk.recording.value?.live) return;
  try {
    await desk.footage.refresh();
  } catch (error) {
    if (!isAbort(error)) desk.wrong.value = reason(error);
  }
}

/** The clips of the recording that there are already. */
async function listClips(desk: Desk): Promise<void> {
  try {
    const { jobs } = await api.jobs({ state: 'READY', limit: 200 });
    const made = jobs.filter(({ request }) => request.wanted !== 'thumbnail');
    // Lists leave out the windows of reels.
    const whole = await Promise.all(made.map((job) => (job.request.window_count === undefined ? job : api.job(job.id, false))));
    desk.clips.value = whole.flatMap((job) => clipsOf(desk, job));
  } catch (error) {
    desk.wrong.value = reason(error);
  }
}

/** The parts of the recording on display that a clip or a reel has. */
function clipsOf(desk: Desk, { request, windows, file_name }: Job): Stretch[] {
  const parts = windows?.filter((each) => each.left_out === undefined) ?? [request];
  return parts
    .filter((each) => each.live_path === desk.path)
    .map((each) => ({ from: each.start_time_ms * MS, until: (each.start_time_ms + each.duration_ms) * MS, name: file_name ?? '' }));
}

async function isMade(desk: Desk, job: Job): Promise<void> {
  if (job.state !== 'READY') return;
  if (job.request.wanted !== 'thumbnail') {
    desk.clips.value = [...desk.clips.peek(), ...clipsOf(desk, job)];
    return;
  }
  try {
    const image = (await api.files(job.id, true)).image;
    if (image) desk.picture.value = { at: job.request.start_time_ms * MS, address: image.url };
  } catch (error) {
    desk.wrong.value = reason(error);
  }
}

/** Asks for the plan of the window as soon as that has settled. */
function usePlan(desk: Desk): void {
  const [marks, codec, end] = [desk.marks.value, desk.codec.value, desk.recording.value?.end_time_ms];
  useEffect(() => {
    desk.plan.value = null;
    desk.planned.value = '';
    const wish = desk.wish();
    if (!wish) return;
    const leave = new AbortController();
    const ask = async (): Promise<void> => {
      try {
        desk.plan.value = await api.plan(bodyOf(wish), leave.signal);
        desk.planned.value = planText(desk.plan.value);
        say(desk.planned.value);
      } catch (error) {
        if (!isAbort(error)) desk.planned.value = ahead(desk) ?? reason(error);
      }
    };
    const timer = setTimeout(() => void ask(), SETTLED);
    return () => (clearTimeout(timer), leave.abort());
  }, [marks, codec, ahead(desk) ? end : 0]);
}

/** What to say of a window that is not recorded yet. */
function ahead(desk: Desk): string | null {
  const marks = desk.marks.value;
  if (!marks || !desk.recording.value?.live || marks.until <= desk.range.value.until) return null;
  return `The recording has come to ${desk.clock(desk.range.value.until)}: the clip is ready soon after ${desk.clock(marks.until)}.`;
}

function planText(plan: ClipPlan): string {
  const all = plan.frames_copied + plan.frames_encoded;
  const about = plan.exact ? '' : 'about ';
  const lack = plan.lack_ms ? `, ${length(plan.lack_ms)} are lacking` : '';
  const time = Math.max(1, Math.round(plan.estimate_ms / 1000));
  const chunks = plan.chunks ? ` in about ${plan.chunks} chunks` : '';
  return `${about}${plan.frames_encoded} of ${all} frames encoded${plan.frames_encoded ? '' : ' (a pure copy)'}, ${bytes(plan.bytes_written)}, about ${time} s${chunks}${lack}`;
}

/** A time for people who do not see the timeline. */
function describe(desk: Desk, ns: number): string {
  const marks = [desk.from.value === ns && 'in point', desk.until.value !== null && desk.player?.shown.value?.end === desk.until.value && 'out point'];
  return [desk.clock(ns), desk.player?.shown.value?.sync && 'key frame', ...marks].filter(Boolean).join(', ');
}

// ---- what people do

function onKey(desk: Desk, event: KeyboardEvent): void {
  const target = event.target as HTMLElement;
  if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector('dialog[open]')) return;
  if (target.closest('input:not([type=checkbox]), select, textarea')) return;
  if ((event.key === ' ' || event.key === 'Enter') && target.closest('button, a, input, summary')) return;
  const action = actionOf(event);
  if (!action) return;
  event.preventDefault();
  act(desk, action);
}

function act(desk: Desk, action: Action): void {
  const player = desk.player;
  const now = player?.shown.peek();
  if (!player) return;
  const at = desk.playhead.peek() ?? 0;
  const actions: Record<Action, () => unknown> = {
    toggle: () => (player.playing.value ? player.pause() : player.play()),
    forward: () => player.play(player.playing.value ? Math.min(4, player.rate.value * 2) : 1),
    backward: () => player.show(Math.max(0, at - 1e9), -1),
    nextFrame: () => player.step(1),
    previousFrame: () => player.step(-1),
    secondOn: () => player.show(at + 1e9),
    secondBack: () => player.show(Math.max(0, at - 1e9), -1),
    nextKey: () => player.key(1),
    previousKey: () => player.key(-1),
    start: () => player.show(desk.range.value.from),
    live: () => player.show(desk.range.value.until, -1),
    markIn: () => now && mark(desk, 'from', now.start),
    markOut: () => now && mark(desk, 'until', now.end),
    goIn: () => desk.from.value !== null && player.show(desk.from.value),
    goOut: () => desk.until.value !== null && player.show(desk.until.value - 1, -1),
    playMarked: () => desk.marks.value && player.playPart(desk.marks.value.from, desk.marks.value.until),
    still: () => void still(desk),
    export: () => void make(desk),
    zoomIn: () => zoom(desk, 0.5, at),
    zoomOut: () => zoom(desk, 2, at),
    help: () => (desk.help.value = !desk.help.value),
  };
  actions[action]();
}

function mark(desk: Desk, which: 'from' | 'until', ns: number): void {
  batch(() => {
    desk[which].value = ns;
    const [from, until] = [desk.from.peek(), desk.until.peek()];
    // A mark behind the other one begins a new window.
    if (from !== null && until !== null && until <= from) desk[which === 'from' ? 'until' : 'from'].value = null;
  });
  say(which === 'from' ? `In at ${desk.clock(ns)}` : `Out at ${desk.clock(ns)}`);
}

async function make(desk: Desk): Promise<void> {
  const wish = desk.wish();
  if (!wish) {
    desk.wrong.value = 'Mark the first and the last frame.';
    return;
  }
  try {
    desk.job.value = await api.submit(bodyOf(wish));
    desk.wrong.value = '';
  } catch (error) {
    desk.wrong.value = reason(error);
  }
}

/** Asks for the picture on display. */
async function still(desk: Desk): Promise<void> {
  const now = desk.playhead.value;
  if (now === null) return;
  const { FetchMedia, container, export_type, ...rest } = bodyOf({
    path: desk.path,
    marks: { from: now, until: now },
    zeroPosMs: desk.zeroPosMs,
    name: desk.name.value,
    codec: 0,
  });
  try {
    desk.job.value = await api.submit({ ...rest, FetchMedia: false });
    desk.wrong.value = '';
  } catch (error) {
    desk.wrong.value = reason(error);
  }
}

function zoom(desk: Desk, factor: number, at: number): void {
  const { from, until } = desk.view.value;
  const range = desk.range.value;
  const whole = Math.max(2e9, range.until - range.from);
  const width = Math.min(whole, Math.max(0.5e9, (until - from) * factor));
  const place = Math.min(1, Math.max(0, (at - from) / (until - from)));
  const start = Math.max(range.from, Math.min(at - place * width, range.from + whole - width));
  desk.view.value = { from: start, until: start + width };
}

/** Scrolls when the playhead leaves the view. */
function keepInView(desk: Desk, ns: number): void {
  const { from, until } = desk.view.peek();
  if (ns >= from && ns <= until) return;
  const width = until - from;
  const start = Math.max(desk.range.peek().from, ns - width / 2);
  desk.view.value = { from: start, until: start + width };
}

// ---- parts of the screen

function Facts({ recording }: { recording: Recording | null }) {
  if (!recording) return null;
  const { video, start_time_ms: start = 0, end_time_ms: end = 0, start_pos_ms: pos } = recording;
  const facts = [
    pos !== undefined && instant(pos),
    length(end - start),
    recording.live ? 'live' : 'ended',
    video?.width && `${video.width} × ${video.height}`,
    video?.codecs,
    recording.audio.length && `${recording.audio.length} audio`,
    recording.holes.length && `${recording.holes.length} holes`,
  ];
  return <span class="quiet">{facts.filter(Boolean).join(' · ')}</span>;
}

/** Stands in place of a picture that the browser cannot show. */
function Unseen({ desk, why }: { desk: Desk; why: string }) {
  const picture = desk.picture.value;
  return (
    <div class="unshown">
      <p>
        <strong>{why}</strong> Marks, plan and export work as ever.{' '}
        {desk.player?.isGuess.value && `Its frames are not known here: a step is a frame of ${desk.fps.toFixed(2).replace(/\.?0+$/, '')} a second. `}
        {desk.recording.value?.video && 'Picture has the service make the picture at the time on display.'}
      </p>
      {picture && (
        <figure>
          <img src={picture.address} alt={`The picture at ${desk.clock(picture.at)}`} />
          <figcaption>{desk.clock(picture.at)}</figcaption>
        </figure>
      )}
    </div>
  );
}

function Transport({ desk }: { desk: Desk }) {
  const player = desk.player;
  const button = (action: Action, title: string, sign: string) => (
    <button type="button" title={title} aria-label={title} onClick={() => act(desk, action)}>
      {sign}
    </button>
  );
  const tracks = (void desk.changes.value, desk.footage.audioTracks);
  return (
    <div class="row" role="group" aria-label="Playing">
      {button('previousKey', 'Previous key frame', '⇤')}
      {button('previousFrame', 'Previous frame', '◂')}
      {button('toggle', player?.playing.value ? 'Pause' : 'Play', player?.playing.value ? '❚❚' : '▶')}
      {button('nextFrame', 'Next frame', '▸')}
      {button('nextKey', 'Next key frame', '⇥')}
      {button('playMarked', 'Play from in to out', '[▶]')}
      {button('live', 'Go to the end', '▶|')}
      <output class="now" aria-label="Time on display">
        {desk.playhead.value === null ? '–' : desk.clock(desk.playhead.value)}
      </output>
      {tracks.length > 1 && (
        <label>
          Audio
          <select value={player?.audio.value} onChange={(event) => void player?.listen(Number(event.currentTarget.value))}>
            {tracks.map((name, place) => (
              <option value={place} key={place}>
                {name}
              </option>
            ))}
          </select>
        </label>
      )}
    </div>
  );
}

function TimeField(props: { title: string; value: string; onChange: (text: string) => boolean }) {
  return (
    <label class="field">
      {props.title}
      <input
        value={props.value}
        spellcheck={false}
        autocomplete="off"
        onChange={(event) => {
          const input = event.currentTarget;
          const taken = props.onChange(input.value);
          input.setCustomValidity(taken ? '' : 'A time as 00:00:07.300 or 00:00:07:08');
          if (!taken) input.reportValidity();
        }}
      />
    </label>
  );
}

/** The key of an action, for the button that does the same. */
function hint(action: Action): string {
  const [key] = keysOf(action);
  return key === undefined ? '' : ` (${signOf(key)})`;
}

function Panel({ desk }: { desk: Desk }) {
  const { from, until, marks } = desk;
  const set = (which: 'from' | 'until') => (text: string) => {
    if (!text.trim()) {
      desk[which].value = null;
      return true;
    }
    const ns = desk.parse(text);
    if (ns !== null && ns >= 0) mark(desk, which, ns);
    return ns !== null && ns >= 0;
  };
  const setLength = (text: string): boolean => {
    const ms = parseClock(text, desk.fps);
    if (ms && from.value !== null) until.value = from.value + ms * MS;
    return !!ms && from.value !== null;
  };
  const shown = (ns: number | null): string => (ns === null ? '' : desk.clock(ns));
  return (
    <div class="panel">
      <div class="row">
        <button type="button" onClick={() => act(desk, 'markIn')}>
          Mark in{hint('markIn')}
        </button>
        <button type="button" onClick={() => act(desk, 'markOut')}>
          Mark out{hint('markOut')}
        </button>
      </div>
      <TimeField title="In" value={shown(from.value)} onChange={set('from')} />
      <TimeField title="Out" value={shown(until.value)} onChange={set('until')} />
      <TimeField title="Length" value={marks.value ? clock((marks.value.until - marks.value.from) / MS) : ''} onChange={setLength} />
      <label class="field">
        Name
        <input value={desk.name.value} maxLength={80} onInput={(event) => (desk.name.value = event.currentTarget.value)} />
      </label>
      <label class="field">
        Codec
        <select value={desk.codec.value} onChange={(event) => (desk.codec.value = Number(event.currentTarget.value) as Codec)}>
          <option value={0}>as recorded</option>
          <option value={1}>H.264</option>
          <option value={2}>H.265</option>
        </select>
      </label>
      <p class="plan" data-encoded={desk.plan.value?.frames_encoded} data-copied={desk.plan.value?.frames_copied} data-lack={desk.plan.value?.lack_ms}>
        {desk.planned.value || (marks.value ? 'Planning…' : 'Mark the first and the last frame.')}
      </p>
      <p class="row">
        <button type="button" class="primary" disabled={!marks.value} onClick={() => act(desk, 'export')}>
          Export{hint('export')}
        </button>
        <button type="button" onClick={() => act(desk, 'still')}>
          Picture{hint('still')}
        </button>
      </p>
      <Copies desk={desk} />
    </div>
  );
}

function Copies({ desk }: { desk: Desk }) {
  const copy = async (kind: keyof typeof copies): Promise<void> => {
    const wish = desk.wish();
    if (!wish) return;
    try {
      await navigator.clipboard.writeText(copies[kind](wish));
      say(`Copied as ${kind}`);
    } catch (error) {
      desk.wrong.value = reason(error);
    }
  };
  return (
    <p class="row" role="group" aria-label="Copy the request">
      Copy as
      {(Object.keys(copies) as (keyof typeof copies)[]).map((kind) => (
        <button type="button" key={kind} disabled={!desk.marks.value} onClick={() => void copy(kind)}>
          {kind}
        </button>
      ))}
    </p>
  );
}

function Legend() {
  return (
    <ul class="legend" aria-label="Signs of the timeline">
      <li class="copied">copied</li>
      <li class="encoded">encoded</li>
      <li class="lack">not recorded</li>
    </ul>
  );
}

/** The keys, each of which can be changed: the next key that is pressed stands for the action. */
function Help() {
  const asked = useSignal<Action | null>(null);
  const shown = (action: Action): string => keysOf(action).map(signOf).join(', ') || 'none';
  const take = (action: Action, event: KeyboardEvent): void => {
    if (asked.value !== action || ['Shift', 'Control', 'Alt', 'Meta'].includes(event.key)) return;
    event.preventDefault();
    event.stopPropagation();
    asked.value = null;
    if (event.key === 'Escape') return;
    const taken = giveKey(action, event);
    say(taken ? `${signOf(taken)}: ${TITLES[action]}` : `${event.key} stays what it is`);
  };
  return (
    <section class="keys" aria-label="Keys, each of which a click changes">
      <ul>
        {(Object.keys(TITLES) as Action[]).map((action) => (
          <li key={action}>
            <button
              type="button"
              aria-label={`${asked.value === action ? 'Press a key' : shown(action)}: ${TITLES[action]}`}
              aria-pressed={asked.value === action}
              onClick={(event) => ((asked.value = action), event.currentTarget.focus())}
              onKeyDown={(event) => take(action, event)}
              onBlur={() => (asked.value = null)}
            >
              {asked.value === action ? 'Press a key' : <kbd>{shown(action)}</kbd>}
            </button>
            {TITLES[action]}
          </li>
        ))}
      </ul>
      <p class="row">
        <button type="button" onClick={resetKeys}>
          All keys as they were
        </button>
        <span class="quiet">Click a key to change it; Esc leaves it. This browser remembers it.</span>
      </p>
    </section>
  );
}
