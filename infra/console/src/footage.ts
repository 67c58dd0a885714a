/** The segments of a recording: where they are, their bytes, and the frames in them. */
import { api } from './api';
import type { Recording } from './api';
import { readInit, readSegment } from './fmp4';
import type { InitTrack } from './fmp4';
import { FrameIndex, placed } from './frames';
import { TICKS, WRAP, readStream } from './ts';

/** Time that one request for links covers, in ms. */
const CHUNK = 60_000;
/** Links are asked for anew so long before they end, in ms. */
const SPARE = 60_000;
/** Segments whose bytes are kept. */
const KEPT = 24;
const MS = 1e6;

type Media = NonNullable<Recording['media']>;
type Track = Media['parts'][number]['tracks'][number];
type File = NonNullable<Track['init']>;

/** A track of a Period, as far as a player must know it. */
export interface Line {
  readonly kind: 'video' | 'audio';
  readonly key: string;
  readonly form: 'mp4' | 'ts';
  readonly codecs: string;
  readonly name: string;
  /** Position among the tracks of its kind. */
  readonly place: number;
  /** Nanoseconds to add to the media's time stamps. */
  readonly shift: bigint;
  /** Bounds of the Period in nanoseconds. */
  readonly bounds: readonly [number, number];
  readonly init: File | undefined;
}

/** A segment. Times are in nanoseconds, by the manifest. */
export interface Piece {
  readonly line: Line;
  readonly key: string;
  readonly start: number;
  readonly end: number;
  readonly file: File;
}

/** An init segment. */
export interface Init {
  readonly bytes: ArrayBuffer;
  readonly tracks: readonly InitTrack[];
}

/** A file of a recording is not there, or not yet. */
export class Absent extends Error {}

/** The segments of the recording at `path`. */
export class Footage {
  readonly path: string;
  /** Frames that are known by now. */
  readonly frames = new FrameIndex();
  /** `StartPos` of the recording's time zero. */
  zeroPosMs: number | null = null;
  recording: Recording | null = null;
  /** Is told when more is known. */
  onChange: () => void = () => {};
  private pieces = new Map<string, Piece>();
  private chunks = new Map<number, { asked: Promise<void>; expires: number; end: number }>();
  private bytes = new Map<string, Promise<ArrayBuffer>>();
  private inits = new Map<string, Promise<Init>>();
  private parsed = new Map<string, Promise<void>>();

  constructor(path: string) {
    this.path = path;
  }

  /** What the recording holds now. */
  async refresh(): Promise<Recording> {
    const before = this.recording?.end_time_ms;
    this.recording = await api.recording(this.path);
    if (this.recording.end_time_ms !== before) this.onChange();
    return this.recording;
  }

  /** Knows the segments around `ns`. */
  async list(ns: number): Promise<void> {
    const n = Math.max(0, Math.floor(ns / MS / CHUNK));
    const known = this.chunks.get(n);
    const end = this.recording?.end_time_ms ?? 0;
    const grown = known && known.end < Math.min(end, (n + 1) * CHUNK);
    if (known && !grown && known.expires - SPARE > Date.now()) return known.asked;
    const chunk = { asked: this.ask(n), expires: Infinity, end };
    this.chunks.set(n, chunk);
    try {
      await chunk.asked;
      chunk.expires = Date.now() + 15 * 60_000;
    } catch (error) {
      this.chunks.delete(n);
      throw error;
    }
  }

  private async ask(n: number): Promise<void> {
    const until = (n + 1) * CHUNK;
    for (let from = n * CHUNK; from < until; ) {
      const { media } = await api.recordingPart(this.path, from, until);
      if (!media) return;
      this.zeroPosMs = media.zero_pos_ms ?? null;
      const last = this.take(media) / MS;
      if (last <= from) break;
      from = last;
    }
    this.onChange();
  }

  /** Takes what was listed; gives its end. */
  private take(media: Media): number {
    let end = 0;
    for (const part of media.parts) {
      const places = { video: 0, audio: 0 };
      for (const track of part.tracks) {
        const line = lineOf(track, part, places[track.content]++);
        for (const each of track.segments) {
          const [start, until] = [each.start_time_ms * MS, (each.start_time_ms + each.duration_ms) * MS];
          const piece = { line, key: `${line.key}@${each.start_time_ms}`, start, end: until, file: each };
          this.pieces.set(piece.key, piece);
          if (line.kind === 'video' || !part.tracks.some(({ content }) => content === 'video')) end = Math.max(end, until);
        }
      }
    }
    return end;
  }

  /** Segments of a kind that are known by now, in their order. */
  of(kind: 'video' | 'audio', place = 0): Piece[] {
    const found = [...this.pieces.values()].filter(({ line }) => line.kind === kind && line.place === place);
    return found.sort((one, other) => one.start - other.start);
  }

  /** The names of the audio tracks. */
  get audioTracks(): string[] {
    const names = new Map<number, string>();
    for (const { line } of this.pieces.values()) if (line.kind === 'audio') names.set(line.place, line.name);
    return [...names].sort(([one], [other]) => one - other).map(([, name]) => name);
  }

  /** The segment of the picture at `ns`, else the nearest one in a direction. */
  async pieceAt(ns: number, direction: 1 | -1): Promise<Piece | undefined> {
    await this.list(ns);
    const all = this.of('video');
    const there = all.findLast((piece) => piece.start <= ns && ns < piece.end);
    if (there) return there;
    const near = direction > 0 ? all.find((piece) => piece.start > ns) : all.findLast((piece) => piece.end <= ns);
    if (near) return near;
    const range = this.recording;
    const beyond = ns + direction * CHUNK * MS;
    const inside = beyond > (range?.start_time_ms ?? 0) * MS - CHUNK * MS && beyond < (range?.end_time_ms ?? 0) * MS + CHUNK * MS;
    return inside ? this.pieceAt(beyond, direction) : undefined;
  }

  /** The segment before or behind another one. */
  async beside(piece: Piece, direction: 1 | -1): Promise<Piece | undefined> {
    await this.list(direction > 0 ? piece.end : Math.max(0, piece.start - 1));
    const all = this.of('video');
    return all[all.findIndex(({ key }) => key === piece.key) + direction];
  }

  /** The bytes of a segment. */
  load(piece: Piece): Promise<ArrayBuffer> {
    const known = this.bytes.get(piece.key);
    if (known) return known;
    const asked = fetched(piece.file);
    this.bytes.set(piece.key, asked);
    asked.catch(() => this.bytes.delete(piece.key));
    for (const key of [...this.bytes.keys()].slice(0, -KEPT)) this.bytes.delete(key);
    return asked;
  }

  /** The init segment of a track. */
  init(line: Line): Promise<Init | null> {
    if (!line.init) return Promise.resolve(null);
    const known = this.inits.get(line.key);
    if (known) return known;
    const asked = fetched(line.init).then((bytes) => ({ bytes, tracks: readInit(bytes) }));
    this.inits.set(line.key, asked);
    asked.catch(() => this.inits.delete(line.key));
    return asked;
  }

  /** Knows the frames of a segment of the picture. */
  know(piece: Piece): Promise<void> {
    const known = this.parsed.get(piece.key);
    if (known) return known;
    const asked = this.parse(piece);
    this.parsed.set(piece.key, asked);
    asked.catch(() => this.parsed.delete(piece.key));
    return asked;
  }

  private async parse(piece: Piece): Promise<void> {
    const [init, bytes] = await Promise.all([this.init(piece.line), this.load(piece)]);
    if (piece.line.form === 'ts') {
      const samples = readStream(bytes);
      // Time stamps start over after a day; the manifest tells which day it is.
      const first = Number(piece.line.shift) / 1e9 + (samples[0]?.time ?? 0) / TICKS;
      const days = Math.round((piece.start / 1e9 - first) / (WRAP / TICKS));
      const shift = piece.line.shift + (BigInt(days * WRAP) * 1_000_000_000n) / BigInt(TICKS);
      this.frames.add(placed(samples, TICKS, shift, piece.line.bounds));
      this.onChange();
      return;
    }
    const track = init?.tracks.find(({ kind }) => kind === 'video');
    if (!track) return;
    this.frames.add(placed(readSegment(bytes, track), track.timescale, piece.line.shift, piece.line.bounds));
    this.onChange();
  }
}

function lineOf(track: Track, part: Media['parts'][number], place: number): Line {
  const shift = BigInt(track.shift_s) * 1_000_000_000n + BigInt(track.shift_ns);
  const init = track.init;
  const where = init?.url.split('?')[0] ?? '';
  return {
    kind: track.content,
    key: `${track.content}${place} ${shift} ${where} ${init?.first ?? ''}`,
    form: track.form,
    codecs: track.codecs ?? '',
    name: track.label ?? track.language ?? `track ${place + 1}`,
    place,
    shift,
    bounds: [part.start_time_ms * MS, part.end_time_ms === undefined ? Infinity : part.end_time_ms * MS],
    init,
  };
}

async function fetched(file: File): Promise<ArrayBuffer> {
  const headers: HeadersInit = file.first === undefined ? {} : { Range: `bytes=${file.first}-${file.last}` };
  const reply = await fetch(file.url, { headers, credentials: 'omit', referrerPolicy: 'no-referrer' });
  if (!reply.ok) throw new Absent(`A segment of the recording is not there (${reply.status}).`);
  return reply.arrayBuffer();
}
