/** Shows a recording by its frames, through Media Source Extensions. Times are in nanoseconds of recording time. */
import { computed, signal } from '@preact/signals';
import { Absent } from './footage';
import type { Footage, Init, Line, Piece } from './footage';
import type { Frame } from './frames';

/** What is loaded around the frame on display, in ns. */
const AHEAD = 20e9;
const BEHIND = 6e9;
/** What is kept behind and ahead of it. */
const KEPT = 60e9;
/** Time until a segment that is not there is asked for again, in ms. */
const AGAIN = 1000;
/** Time after which a frame that is loaded should be on display, in ms. */
const SOON = 400;
/** More than what rounding does to a time, in ns. */
const ROUNDED = 1000;
/** Opens a source again that was said to end. */
const NOTHING = new ArrayBuffer(0);
/** Parts of a recording that are so close belong together, in ns. */
const CLOSE = 100e6;
/** A frame is found by a time that is so much later than its start: a browser rounds to microseconds. */
const INTO = 200_000;

/** Why a recording with a picture is not shown that has no segments. */
const NO_LINKS = 'The service lists no segments of this recording, as of one that is a single file.';

/** One kind of media, on its way into the video element. */
class Feed {
  readonly buffer: SourceBuffer;
  readonly kind: 'video' | 'audio';
  readonly appended = new Map<string, Piece>();
  readonly absent = new Map<string, number>();
  line = '';
  private busy: Promise<void> = Promise.resolve();

  constructor(kind: 'video' | 'audio', buffer: SourceBuffer) {
    this.kind = kind;
    this.buffer = buffer;
  }

  /** Waits for what was started before, and for what `act` starts. */
  run(act: (buffer: SourceBuffer) => void): Promise<void> {
    const { buffer } = this;
    const done = this.busy.then(
      () =>
        new Promise<void>((resolve, reject) => {
          buffer.addEventListener('updateend', () => resolve(), { once: true });
          buffer.addEventListener('error', () => reject(new Error('The browser cannot read a segment.')), { once: true });
          act(buffer);
        }),
    );
    this.busy = done.catch(() => {});
    return done;
  }
}

export class Player {
  readonly footage: Footage;
  /** The frame on display. */
  readonly shown = signal<Frame | null>(null);
  readonly playing = signal(false);
  readonly rate = signal(1);
  /** What went wrong at last. */
  readonly wrong = signal('');
  /** Why there is no picture; empty if there is one. The frame that would be on display is known all the same. */
  readonly unseen = signal('');
  /** The frame on display is none of the recording's, but one of its frame rate. */
  readonly isGuess = computed(() => !!this.shown.value && this.shown.value === this.guess);
  /** The audio track that is heard. */
  readonly audio = signal(0);
  private readonly video: HTMLVideoElement;
  private readonly source = new MediaSource();
  private feeds: Feed[] = [];
  private woken: (() => void)[] = [];
  private steps: Promise<void> = Promise.resolve();
  private guess: Frame | null = null;
  private target = 0;
  private stopAt: number | null = null;
  /** Nothing is loaded that starts later. */
  private limit = Infinity;
  private closed = false;
  private readonly url: string;

  constructor(video: HTMLVideoElement, footage: Footage) {
    this.video = video;
    this.footage = footage;
    this.url = URL.createObjectURL(this.source);
    video.src = this.url;
    video.addEventListener('play', this.follow);
    video.addEventListener('pause', this.follow);
    video.addEventListener('timeupdate', this.wake);
    video.addEventListener('timeupdate', this.listenOn);
    video.addEventListener('waiting', this.overHole);
    this.watch();
  }

  /** Shows the first frame at `ns` or later. */
  async open(ns: number): Promise<void> {
    if (this.source.readyState !== 'open') {
      await new Promise((resolve) => this.source.addEventListener('sourceopen', resolve, { once: true }));
    }
    const first = await this.footage.pieceAt(ns, 1);
    const lines = [first?.line, this.footage.of('audio', this.audio.value)[0]?.line].filter((line) => line !== undefined);
    if (!lines.length && !this.footage.recording?.end_time_ms) throw new Error('Nothing is recorded there yet.');
    if (!first) this.unseen.value = this.footage.recording?.video ? NO_LINKS : 'The recording has no picture.';
    for (const line of lines) await this.add(line);
    this.source.duration = Infinity;
    this.source.setLiveSeekableRange(0, 4_294_967);
    for (const feed of this.feeds) void this.fill(feed);
    await this.show(ns);
  }

  /** Has a track shown or heard, if the browser can. */
  private async add(line: Line): Promise<void> {
    if (line.form === 'ts') {
      if (line.kind === 'video') this.unseen.value = 'This page does not show MPEG transport streams.';
      return;
    }
    const type = typeOf(line, await this.footage.init(line));
    if (MediaSource.isTypeSupported(type)) this.feeds.push(new Feed(line.kind, this.source.addSourceBuffer(type)));
    else if (line.kind === 'video') this.unseen.value = `This browser does not decode ${codecName(type)}.`;
  }

  /** Ends all work. */
  close(): void {
    this.closed = true;
    this.video.pause();
    this.wake();
    this.video.removeAttribute('src');
    this.video.load();
    URL.revokeObjectURL(this.url);
  }

  // ---- what is on display

  private readonly follow = (): void => {
    this.playing.value = !this.video.paused;
  };

  private watch(): void {
    this.video.requestVideoFrameCallback((_, { mediaTime }) => {
      const frame = this.footage.frames.at(Math.round(mediaTime * 1e9) + INTO);
      if (frame) this.shown.value = frame;
      if (frame && this.stopAt !== null && frame.end >= this.stopAt) {
        this.stopAt = null;
        this.video.pause();
        void this.show(frame.start);
      }
      if (!this.closed) this.watch();
    });
  }

  /** Without a picture the sound tells the frame. */
  private readonly listenOn = (): void => {
    if (!this.unseen.value || this.video.paused) return;
    const now = this.video.currentTime * 1e9;
    void this.footage
      .pieceAt(now, 1)
      .then((piece) => piece && this.footage.know(piece))
      .catch(() => {});
    const known = this.footage.frames.at(now);
    const frame = known && now < known.end ? known : this.guessed(now);
    this.shown.value = frame;
    if (this.stopAt === null || frame.end < this.stopAt) return;
    this.stopAt = null;
    this.video.pause();
  };

  /** A frame by the frame rate alone, where no time stamp is known. */
  private guessed(ns: number): Frame {
    const [over = 25, under = 1] = (this.footage.recording?.video?.frame_rate ?? '25').split('/').map(Number);
    const last = ((over || 25) * Math.max(0, ns)) / under / 1e9;
    const at = (n: number): number => Math.ceil((n * under * 1e9) / (over || 25));
    this.guess = { start: at(Math.floor(last + 1e-6)), end: at(Math.floor(last + 1e-6) + 1), sync: false };
    return this.guess;
  }

  /** Playing goes on behind a hole. */
  private readonly overHole = (): void => {
    if (this.video.paused) return;
    const now = this.video.currentTime * 1e9;
    const pieces = this.footage.of('video');
    if (pieces.some((piece) => piece.start <= now && now < piece.end)) return;
    const next = pieces.find((piece) => piece.start > now);
    if (next) this.video.currentTime = next.start / 1e9 + 0.001;
  };

  /** Shows the frame at `ns`; where there is none, the next one in a direction. */
  show(ns: number, direction: 1 | -1 = 1): Promise<void> {
    this.target = ns;
    return this.next(async () => {
      // A later wish stands for all before it.
      if (this.target === ns) await this.display(ns, direction);
    });
  }

  /** Shows the frame so many frames further. */
  step(by: 1 | -1): Promise<void> {
    this.video.pause();
    return this.next(async () => {
      const current = this.shown.value;
      if (!current) return;
      const beside = this.footage.frames.from(current.start, by);
      const gap = beside && (by > 0 ? beside.start - current.end : current.start - beside.end);
      if (beside && gap !== undefined && Math.abs(gap) < (current.end - current.start) / 2) await this.present(beside);
      else await this.display(by > 0 ? current.end + ROUNDED : current.start - ROUNDED, by);
    });
  }

  /** Shows the next frame, or the one before, that a decoder may start with. */
  key(direction: 1 | -1): Promise<void> {
    this.video.pause();
    return this.next(async () => {
      const current = this.shown.value;
      const piece = current && (await this.footage.pieceAt(current.start + 1, 1));
      if (!current || !piece) return;
      const beside = await this.footage.beside(piece, direction);
      await Promise.all([piece, beside].map((each) => each && this.footage.know(each)));
      const found = this.footage.frames.sync(current.start, direction);
      if (found) await this.present(found);
    });
  }

  private next(act: () => Promise<void>): Promise<void> {
    const done = this.steps.then(act).catch((error: unknown) => {
      if (!this.closed) this.wrong.value = error instanceof Error ? error.message : String(error);
    });
    this.steps = done;
    return done;
  }

  private async display(ns: number, direction: 1 | -1): Promise<void> {
    const frame = await this.frameAt(Math.max(0, ns), direction);
    if (frame) await this.present(frame);
    else if (this.unseen.value) await this.present(this.guessed(ns));
  }

  /** The frame on display at `ns`, else the next one in a direction. */
  private async frameAt(ns: number, direction: 1 | -1): Promise<Frame | undefined> {
    const { frames } = this.footage;
    const covers = (frame: Frame | undefined): boolean => !!frame && frame.start <= ns && ns < frame.end;
    let piece = await this.footage.pieceAt(ns, direction);
    // The manifest's times may be off by a frame, and a segment may be lost.
    for (let tries = 0; piece && tries < 8; tries++) {
      try {
        await this.footage.know(piece);
        const frame = frames.at(ns);
        if (covers(frame)) return frame;
        const own = frames.between(piece.start - 1e9, piece.end + 1e9);
        const found = direction > 0 ? own.find(({ start }) => start >= ns) : own.findLast(({ end }) => end <= ns + ROUNDED);
        // Of the segment that has a time by the manifest another frame may be before it, in the segment before.
        if (found && (tries > 0 || direction > 0 || piece.end <= ns)) return found;
      } catch (error) {
        if (!(error instanceof Absent)) throw error;
      }
      piece = await this.footage.beside(piece, direction);
    }
    return frames.at(ns);
  }

  /** Shows a frame by its middle, and waits until it is there. */
  private async present(frame: Frame): Promise<void> {
    this.wrong.value = '';
    const { video } = this;
    if (this.shown.value?.start === frame.start && video.paused && !video.seeking && video.readyState >= 2) return;
    this.shown.value = null;
    this.limit = Infinity;
    const middle = (frame.start + frame.end) / 2e9;
    if (this.unseen.value) {
      if (this.feeds.length) await this.reach(middle), (video.currentTime = middle), this.wake();
      this.shown.value = frame;
      return;
    }
    await this.reach(middle);
    video.currentTime = middle;
    this.wake();
    // Without enough audio behind it the element shows the frame and goes on seeking.
    const isShown = (): boolean => this.shown.value?.start === frame.start && !video.seeking;
    let since = 0;
    for (const begun = performance.now(); !isShown() && performance.now() - begun < 10_000 && !this.closed; ) {
      await new Promise<void>((resolve) => {
        const stop = this.shown.subscribe(() => isShown() && resolve());
        video.addEventListener('seeked', () => resolve(), { once: true });
        setTimeout(() => (stop(), resolve()), 50);
      });
      since = this.isLoaded(middle) ? since || performance.now() : 0;
      if (since && performance.now() - since > SOON && !isShown() && (await this.flush(frame))) since = Infinity;
    }
    if (!this.closed) this.shown.value = frame;
  }

  private isLoaded(seconds: number): boolean {
    // The element itself counts only what there is of all kinds.
    const buffered = this.feeds.find(({ kind }) => kind === 'video')?.buffer.buffered;
    if (!buffered) return false;
    return Array.from({ length: buffered.length }).some((_, n) => buffered.start(n) <= seconds && seconds < buffered.end(n));
  }

  /** Lets the element go to a time behind all that was loaded when the media was said to end. */
  private async reach(seconds: number): Promise<void> {
    if (seconds < this.source.duration) return;
    for (const feed of this.feeds) await feed.run((buffer) => buffer.appendBuffer(NOTHING));
    if (this.source.readyState === 'open' && this.feeds.every(({ buffer }) => !buffer.updating)) this.source.duration = Infinity;
  }

  /** A decoder keeps the last frames in front of a hole until it is told that no more come. */
  private async flush(frame: Frame): Promise<boolean> {
    const pieces = this.footage.of('video');
    const n = pieces.findLastIndex(({ start }) => start <= frame.start + 1e6);
    const [piece, next] = [pieces[n], pieces[n + 1]];
    const feed = this.feeds.find(({ kind }) => kind === 'video');
    if (!piece || !feed || (next && next.start - piece.end < CLOSE && !feed.absent.has(next.key))) return false;
    this.limit = next ? piece.end + CLOSE / 2 : Infinity;
    for (const each of this.feeds) {
      for (const [key, later] of each.appended) {
        if (later.start <= this.limit) continue;
        each.appended.delete(key);
        await each.run((buffer) => buffer.remove(later.start / 1e9, later.end / 1e9));
      }
    }
    await Promise.all(this.feeds.map((each) => each.run((buffer) => buffer.appendBuffer(NOTHING))));
    if (this.source.readyState === 'open' && this.feeds.every(({ buffer }) => !buffer.updating)) this.source.endOfStream();
    return true;
  }

  // ---- playing

  /** Plays from the frame on display, at a rate. */
  async play(rate = 1): Promise<void> {
    if (!this.feeds.length) {
      this.wrong.value = 'This page can play nothing of this recording.';
      return;
    }
    this.limit = Infinity;
    this.wake();
    this.rate.value = rate;
    this.video.playbackRate = rate;
    await this.video.play().catch(() => {});
  }

  pause(): void {
    this.stopAt = null;
    this.video.pause();
    // A pause is between two frames for the element: the one on display counts.
    const frame = this.shown.value;
    if (frame) void this.show(frame.start);
  }

  /** Plays `[from, until)`. */
  async playPart(from: number, until: number): Promise<void> {
    await this.show(from);
    this.stopAt = until;
    await this.play();
  }

  // ---- loading

  private readonly wake = (): void => {
    const woken = this.woken;
    this.woken = [];
    for (const resume of woken) resume();
  };

  /** Keeps one kind of media loaded around the frame on display. */
  private async fill(feed: Feed): Promise<void> {
    while (!this.closed) {
      const now = this.video.currentTime * 1e9;
      try {
        await this.footage.list(now);
        if ((now + AHEAD) / 1e6 < (this.footage.recording?.end_time_ms ?? 0)) await this.footage.list(now + AHEAD);
        const piece = this.wanted(feed, now);
        if (piece) {
          await this.append(feed, piece);
          continue;
        }
      } catch (error) {
        if (this.closed) return;
        this.wrong.value = error instanceof Error ? error.message : String(error);
      }
      await new Promise<void>((resolve) => {
        this.woken.push(resolve);
        setTimeout(resolve, AGAIN);
      });
    }
  }

  /** The segment that is needed first. */
  private wanted(feed: Feed, now: number): Piece | undefined {
    const place = feed.kind === 'audio' ? this.audio.value : 0;
    const open = this.footage.of(feed.kind, place).filter(({ key, start }) => !feed.appended.has(key) && (feed.absent.get(key) ?? 0) < Date.now() && start <= this.limit);
    const ahead = open.find((piece) => piece.end > now && piece.start < now + AHEAD);
    return ahead ?? open.findLast((piece) => piece.end <= now && piece.end > now - BEHIND);
  }

  private async append(feed: Feed, piece: Piece): Promise<void> {
    const { line } = piece;
    let bytes: ArrayBuffer;
    try {
      if (line.kind === 'video') await this.footage.know(piece);
      bytes = await this.footage.load(piece);
    } catch (error) {
      feed.absent.set(piece.key, Date.now() + AGAIN);
      if (error instanceof Absent) return;
      throw error;
    }
    if (feed.line !== line.key) await this.begin(feed, line);
    await this.forget(feed);
    await feed.run((buffer) => buffer.appendBuffer(bytes));
    feed.appended.set(piece.key, piece);
  }

  /** Segments of another track, or of another Period, follow. */
  private async begin(feed: Feed, line: Line): Promise<void> {
    const init = await this.footage.init(line);
    const { buffer } = feed;
    const [start, end] = line.bounds;
    buffer.changeType(typeOf(line, init));
    buffer.appendWindowStart = 0;
    buffer.appendWindowEnd = end / 1e9;
    buffer.appendWindowStart = Math.max(0, start / 1e9);
    buffer.timestampOffset = Number(line.shift) / 1e9;
    if (init) await feed.run((each) => each.appendBuffer(init.bytes));
    feed.line = line.key;
  }

  /** Removes what is far from the frame on display. */
  private async forget(feed: Feed): Promise<void> {
    const now = this.video.currentTime * 1e9;
    for (const [key, piece] of feed.appended) {
      if (piece.end > now - KEPT && piece.start < now + KEPT) continue;
      feed.appended.delete(key);
      await feed.run((buffer) => buffer.remove(Math.max(0, piece.start / 1e9), Math.max(piece.end / 1e9, 0.001)));
    }
  }

  /** Plays another audio track. */
  async listen(place: number): Promise<void> {
    this.audio.value = place;
    for (const feed of this.feeds.filter(({ kind }) => kind === 'audio')) {
      feed.appended.clear();
      await feed.run((buffer) => buffer.remove(0, Infinity));
    }
    this.wake();
  }
}

/** The type of a track's segments, by its init segment where the manifest does not say it. */
function typeOf(line: Line, init: Init | null): string {
  const own = init?.tracks.map(({ codec }) => codec).filter(Boolean) ?? [];
  const said = line.codecs.split(',').map((codec) => codec.trim()).filter(Boolean);
  const codecs = own.length === init?.tracks.length ? own : said;
  return `${line.kind}/mp4; codecs="${codecs.join(', ')}"`;
}

/** The codecs of a type, for people. */
function codecName(type: string): string {
  const codecs = /codecs="([^"]*)"/.exec(type)?.[1] ?? '';
  const names: readonly [RegExp, string][] = [[/hvc1|hev1/, 'HEVC'], [/avc[13]/, 'H.264'], [/av01/, 'AV1'], [/vp0?9/, 'VP9']];
  const name = names.find(([pattern]) => pattern.test(codecs))?.[1];
  return name ? `${name} (${codecs})` : codecs || 'the codec of this recording';
}
