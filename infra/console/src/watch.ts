/** Plays a clip as the playlist that there is before its file: the manifest that the service writes, and no other. */

/** A track of the manifest. */
interface Listed {
  readonly type: string;
  /** Seconds to take off the media's time stamps. */
  readonly offset: number;
  readonly init: Part;
  readonly segments: readonly Part[];
}

interface Part {
  readonly url: string;
  readonly range: string | undefined;
}

const ENTITIES: Readonly<Record<string, string>> = { '&amp;': '&', '&lt;': '<', '&gt;': '>', '&quot;': '"', '&apos;': "'" };

/** An attribute of an element that is written with double quotes. */
function attribute(element: string, name: string): string | undefined {
  const found = new RegExp(`\\s${name}="([^"]*)"`).exec(element)?.[1];
  return found?.replace(/&(amp|lt|gt|quot|apos);/g, (entity) => ENTITIES[entity] ?? entity);
}

function part(element: string, url: string, range: string): Part {
  return { url: attribute(element, url) ?? '', range: attribute(element, range) };
}

/** The tracks of a manifest; only its first audio is heard. */
export function readManifest(text: string): { duration: number; tracks: Listed[] } {
  const duration = Number(/mediaPresentationDuration="PT([\d.]+)S"/.exec(text)?.[1] ?? NaN);
  const kinds = new Set<string>();
  const tracks = [...text.matchAll(/<AdaptationSet[\s\S]*?<\/AdaptationSet>/g)].flatMap(([set]) => {
    const list = /<SegmentList[^>]*>/.exec(set)?.[0] ?? '';
    const kind = attribute(set, 'contentType') ?? '';
    if (kinds.has(kind)) return [];
    kinds.add(kind);
    const type = `${attribute(set, 'mimeType')}; codecs="${attribute(/<Representation[^>]*>/.exec(set)?.[0] ?? '', 'codecs')}"`;
    const offset = Number(attribute(list, 'presentationTimeOffset') ?? 0) / Number(attribute(list, 'timescale') ?? 1);
    const init = part(/<Initialization[^>]*>/.exec(set)?.[0] ?? '', 'sourceURL', 'range');
    const segments = [...set.matchAll(/<SegmentURL[^>]*>/g)].map(([element]) => part(element, 'media', 'mediaRange'));
    return [{ type, offset, init, segments }];
  });
  return { duration, tracks };
}

/** Shows the clip whose manifest is at `address`; ends when all of it is loaded. */
export async function watch(video: HTMLVideoElement, address: string, left: AbortSignal): Promise<void> {
  const reply = await fetch(address, { credentials: 'omit', signal: left });
  if (!reply.ok) throw new Error(`The playlist is not there (${reply.status}).`);
  const { duration, tracks } = readManifest(await reply.text());
  const source = new MediaSource();
  const url = URL.createObjectURL(source);
  left.addEventListener('abort', () => URL.revokeObjectURL(url));
  const opened = new Promise((resolve) => source.addEventListener('sourceopen', resolve, { once: true }));
  video.src = url;
  await opened;
  source.duration = duration;
  const buffers = tracks.map((track) => {
    const buffer = source.addSourceBuffer(track.type);
    buffer.timestampOffset = -track.offset;
    buffer.appendWindowEnd = duration;
    return { track, buffer };
  });
  await Promise.all(buffers.map(({ track, buffer }) => load(buffer, [track.init, ...track.segments], left)));
  if (source.readyState === 'open') source.endOfStream();
}

async function load(buffer: SourceBuffer, parts: readonly Part[], left: AbortSignal): Promise<void> {
  for (const { url, range } of parts) {
    const headers: HeadersInit = range ? { Range: `bytes=${range}` } : {};
    const reply = await fetch(url, { headers, credentials: 'omit', referrerPolicy: 'no-referrer', signal: left });
    if (!reply.ok) throw new Error(`A part of the playlist is not there (${reply.status}).`);
    const bytes = await reply.arrayBuffer();
    await new Promise((resolve, reject) => {
      buffer.addEventListener('updateend', resolve, { once: true });
      buffer.addEventListener('error', reject, { once: true });
      buffer.appendBuffer(bytes);
    });
  }
}
