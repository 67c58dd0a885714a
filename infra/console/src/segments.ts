/** The segments of a document, as the screens use them. */
import { signal } from '@preact/signals';
import type { Stretch } from './timeline';

/** A segment of either kind of document. Times are in seconds of the document. */
export interface Segment {
  readonly start: number;
  readonly end: number | null;
  readonly features: readonly string[];
  readonly liked: boolean;
  /** The optimised times of the audio track, if there are any. */
  readonly better: { readonly start: number; readonly end: number } | null;
}

type Numbers = Readonly<Record<string, number>>;

/** A number of an audio track in any of the forms that documents have. */
function ofTrack(value: unknown, track: string): number | null {
  const all = Array.isArray(value) ? Object.assign({}, ...value) : (value ?? {});
  const found = (all as Numbers)[track];
  return typeof found === 'number' ? found : null;
}

/** Names of the features in any of the forms that documents have. */
function names(value: unknown): string[] {
  if (!Array.isArray(value)) return [];
  return value.flatMap((each: unknown) => {
    if (typeof each === 'string') return [each];
    const { AttribName, Name } = (each ?? {}) as { AttribName?: string; Name?: string };
    return [AttribName ?? Name ?? Object.keys(each ?? {})[0] ?? ''].filter(Boolean);
  });
}

/** The segments of a document, in the order of their start. */
export function segmentsOf(document: unknown, track: string): Segment[] {
  const listed = (document as { Segments?: unknown[] } | null)?.Segments ?? [];
  const found = listed.map((each) => {
    const segment = each as Record<string, unknown>;
    const [from, until] = [ofTrack(segment['OptoStart'], track), ofTrack(segment['OptoEnd'], track)];
    return {
      start: Number(segment['Start']),
      end: typeof segment['End'] === 'number' ? segment['End'] : null,
      features: names(segment['FeaturesFound']),
      liked: isLiked(segment['Feedback']),
      better: from !== null && until !== null && until > from ? { start: from, end: until } : null,
    };
  });
  return found.sort((one, other) => one.start - other.start);
}

function isLiked(feedback: unknown): boolean {
  return /\bLike\b/.test(JSON.stringify(feedback ?? '')) && !/"Dislike"/.test(JSON.stringify(feedback ?? ''));
}

/** Segments that the timeline of a recording shows, by its path. */
export const laidOut = signal<ReadonlyMap<string, readonly Stretch[]>>(new Map());
