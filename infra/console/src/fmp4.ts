/** Reads fragmented MP4 (ISO/IEC 14496-12): the frames of a segment, and the codecs of an init segment. */

/** A frame, in ticks of its track, as presented: the edit list is applied. */
export interface Sample {
  readonly time: number;
  readonly duration: number;
  /** A decoder may start here, by the container. */
  readonly sync: boolean;
}

/** A track of an init segment. */
export interface InitTrack {
  readonly id: number;
  readonly kind: 'video' | 'audio' | 'other';
  readonly timescale: number;
  /** Ticks that the edit list takes off. */
  readonly edit: number;
  /** RFC 6381; empty if this reader cannot tell. */
  readonly codec: string;
  readonly duration: number;
  readonly flags: number;
}

interface Box {
  readonly type: string;
  readonly start: number;
  readonly end: number;
}

/** `sample_is_non_sync_sample` of the sample flags. */
const NOT_SYNC = 0x10000;

function* boxes(view: DataView, start: number, end: number): Generator<Box> {
  let at = start;
  while (at + 8 <= end) {
    let size = view.getUint32(at);
    let head = 8;
    if (size === 1 && at + 16 <= end) [size, head] = [Number(view.getBigUint64(at + 8)), 16];
    if (size === 0) size = end - at;
    if (size < head || at + size > end) return;
    yield { type: text(view, at + 4), start: at + head, end: at + size };
    at += size;
  }
}

function text(view: DataView, at: number): string {
  return String.fromCharCode(view.getUint8(at), view.getUint8(at + 1), view.getUint8(at + 2), view.getUint8(at + 3));
}

/** The first box at a path below `parent`. */
function find(view: DataView, parent: { start: number; end: number }, ...path: string[]): Box | undefined {
  let within: { start: number; end: number } | undefined = parent;
  for (const type of path) {
    within = within && [...boxes(view, within.start, within.end)].find((box) => box.type === type);
  }
  return within as Box | undefined;
}

function viewOf(bytes: ArrayBuffer): DataView {
  return new DataView(bytes);
}

/** The tracks of an init segment. */
export function readInit(bytes: ArrayBuffer): InitTrack[] {
  const view = viewOf(bytes);
  const moov = find(view, { start: 0, end: view.byteLength }, 'moov');
  if (!moov) return [];
  const mvhd = find(view, moov, 'mvhd');
  const movieScale = mvhd ? view.getUint32(mvhd.start + (view.getUint8(mvhd.start) ? 20 : 12)) : 1;
  const mvex = find(view, moov, 'mvex');
  const defaults = new Map<number, { duration: number; flags: number }>();
  for (const trex of mvex ? boxes(view, mvex.start, mvex.end) : []) {
    if (trex.type !== 'trex') continue;
    const [duration, flags] = [view.getUint32(trex.start + 12), view.getUint32(trex.start + 20)];
    defaults.set(view.getUint32(trex.start + 4), { duration, flags });
  }
  const tracks = [...boxes(view, moov.start, moov.end)].filter((box) => box.type === 'trak');
  return tracks.flatMap((trak) => readTrack(view, trak, movieScale, defaults) ?? []);
}

function readTrack(
  view: DataView,
  trak: Box,
  movieScale: number,
  defaults: ReadonlyMap<number, { duration: number; flags: number }>,
): InitTrack | null {
  const [tkhd, mdhd, hdlr] = [find(view, trak, 'tkhd'), find(view, trak, 'mdia', 'mdhd'), find(view, trak, 'mdia', 'hdlr')];
  const stsd = find(view, trak, 'mdia', 'minf', 'stbl', 'stsd');
  if (!tkhd || !mdhd || !hdlr) return null;
  const id = view.getUint32(tkhd.start + (view.getUint8(tkhd.start) ? 20 : 12));
  const timescale = view.getUint32(mdhd.start + (view.getUint8(mdhd.start) ? 20 : 12));
  const handler = text(view, hdlr.start + 8);
  const kind = handler === 'vide' ? 'video' : handler === 'soun' ? 'audio' : 'other';
  const entry = stsd && [...boxes(view, stsd.start + 8, stsd.end)][0];
  const { duration = 0, flags = 0 } = defaults.get(id) ?? {};
  const edit = readEdit(view, trak, timescale, movieScale);
  return { id, kind, timescale, edit, codec: entry ? codecOf(view, entry) : '', duration, flags };
}

/** Ticks that the first edit takes off the media's times; an empty edit before it adds some. */
function readEdit(view: DataView, trak: Box, timescale: number, movieScale: number): number {
  const elst = find(view, trak, 'edts', 'elst');
  if (!elst) return 0;
  const long = view.getUint8(elst.start) === 1;
  const count = view.getUint32(elst.start + 4);
  let delay = 0;
  for (let n = 0, at = elst.start + 8; n < count && at + (long ? 20 : 12) <= elst.end; n++, at += long ? 20 : 12) {
    const duration = long ? Number(view.getBigUint64(at)) : view.getUint32(at);
    const media = long ? Number(view.getBigInt64(at + 8)) : view.getInt32(at + 4);
    if (media >= 0) return media - delay;
    delay += Math.round((duration * timescale) / movieScale);
  }
  return -delay;
}

const hex = (value: number): string => value.toString(16).padStart(2, '0');

/** The codec of a sample entry; empty if this reader cannot tell. */
function codecOf(view: DataView, entry: Box): string {
  if (entry.type === 'avc1' || entry.type === 'avc3') {
    const avcC = find(view, { start: entry.start + 78, end: entry.end }, 'avcC');
    return avcC ? `${entry.type}.${[1, 2, 3].map((n) => hex(view.getUint8(avcC.start + n))).join('')}` : '';
  }
  if (entry.type === 'mp4a') return 'mp4a.40.2';
  if (entry.type === 'ac-3' || entry.type === 'ec-3') return entry.type;
  return entry.type === 'Opus' ? 'opus' : entry.type === 'fLaC' ? 'flac' : '';
}

/** The frames of a track in a segment, in the order of presentation. */
export function readSegment(bytes: ArrayBuffer, track: InitTrack): Sample[] {
  const view = viewOf(bytes);
  const samples: Sample[] = [];
  for (const moof of boxes(view, 0, view.byteLength)) {
    if (moof.type !== 'moof') continue;
    for (const traf of boxes(view, moof.start, moof.end)) {
      if (traf.type === 'traf') samples.push(...readFragment(view, traf, track));
    }
  }
  return samples.sort((one, other) => one.time - other.time);
}

function readFragment(view: DataView, traf: Box, track: InitTrack): Sample[] {
  const [tfhd, tfdt] = [find(view, traf, 'tfhd'), find(view, traf, 'tfdt')];
  if (!tfhd || view.getUint32(tfhd.start + 4) !== track.id) return [];
  const has = view.getUint32(tfhd.start);
  let at = tfhd.start + 8 + (has & 1 ? 8 : 0) + (has & 2 ? 4 : 0);
  let { duration, flags } = track;
  if (has & 8) [duration, at] = [view.getUint32(at), at + 4];
  if (has & 16) at += 4;
  if (has & 32) flags = view.getUint32(at);
  let decoded = tfdt ? (view.getUint8(tfdt.start) ? Number(view.getBigUint64(tfdt.start + 4)) : view.getUint32(tfdt.start + 4)) : 0;
  const samples: Sample[] = [];
  for (const trun of boxes(view, traf.start, traf.end)) {
    if (trun.type !== 'trun') continue;
    decoded = readRun(view, trun, { decoded, duration, flags, edit: track.edit }, samples);
  }
  return samples;
}

/** Adds the samples of a run; gives the decode time behind it. */
function readRun(
  view: DataView,
  trun: Box,
  from: { decoded: number; duration: number; flags: number; edit: number },
  samples: Sample[],
): number {
  const has = view.getUint32(trun.start) & 0xffffff;
  const version = view.getUint8(trun.start);
  const count = view.getUint32(trun.start + 4);
  let at = trun.start + 8 + (has & 1 ? 4 : 0);
  let first: number | null = null;
  if (has & 4) [first, at] = [view.getUint32(at), at + 4];
  let { decoded } = from;
  for (let n = 0; n < count && at <= trun.end; n++) {
    let { duration, flags } = from;
    let composition = 0;
    if (has & 0x100) [duration, at] = [view.getUint32(at), at + 4];
    if (has & 0x200) at += 4;
    if (has & 0x400) [flags, at] = [view.getUint32(at), at + 4];
    if (has & 0x800) [composition, at] = [version ? view.getInt32(at) : view.getUint32(at), at + 4];
    if (n === 0 && first !== null && !(has & 0x400)) flags = first;
    samples.push({ time: decoded + composition - from.edit, duration, sync: !(flags & NOT_SYNC) });
    decoded += duration;
  }
  return decoded;
}
