/** A batch: how far it is, and all of its clips. */
import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { api, persistently } from './api';
import type { Batch } from './api';
import { instant, length } from './format';
import { StateMark } from './jobs';
import { href } from './route';
import { LongTable } from './rows';
import { isAbort, reason, say } from './say';

type Clip = Batch['clips'][number];
const CHOICES = { all: 'all', ready: 'ready', failed: 'failed', open: 'not ended' } as const;
type Choice = keyof typeof CHOICES;
const ENDED: readonly string[] = ['READY', 'FAILED', 'CANCELLED'];

/** Time between two looks at a batch, in ms. */
const LOOK = 1000;
/** Clips on a page of the API. */
const PAGE = 200;

/** The pages of a batch's clips that were read so far. A cursor is what the page before names. */
class Pages {
  private readonly read: { cursor: string; clips: readonly Clip[] }[] = [];
  private next: string | null = '';

  /** All clips that are known, in the list's order. */
  get clips(): readonly Clip[] {
    return this.read.flatMap(({ clips }) => clips);
  }

  /** The cursor of the first page that was not read; `null` once all were. */
  get unread(): string | null {
    return this.next;
  }

  /** The cursor of the page with the clip `n`, which counts from 1. */
  of(n: number): string | undefined {
    return this.read.find(({ clips }) => (clips.at(-1)?.n ?? 0) >= n)?.cursor;
  }

  /** The cursors of the pages with a clip that may have changed. */
  get open(): string[] {
    return this.read.filter(({ clips }) => clips.some(({ state }) => !ENDED.includes(state))).map(({ cursor }) => cursor);
  }

  take(cursor: string, { clips, next }: Batch): void {
    const known = this.read.find((page) => page.cursor === cursor);
    if (known) known.clips = clips;
    else [this.next] = [next, this.read.push({ cursor, clips })];
  }
}

function chosen(clips: readonly Clip[], choice: Choice): readonly Clip[] {
  if (choice === 'all') return clips;
  return clips.filter(({ state }) => (choice === 'open' ? !ENDED.includes(state) : state === choice.toUpperCase()));
}

/** Follows a batch of clips. */
export function BatchScreen({ id }: { id: string }) {
  const batch = useSignal<Batch | null>(null);
  const clips = useSignal<readonly Clip[]>([]);
  const choice = useSignal<Choice>('all');
  const wrong = useSignal('');
  /** The first and the last clip on display. */
  const view = useSignal<readonly [number, number]>([1, 1]);
  useEffect(() => {
    const leave = new AbortController();
    const pages = new Pages();
    const look = async (cursor: string): Promise<Batch> => {
      const ask = (): Promise<Batch> => api.batch(id, { limit: PAGE, ...(cursor && { cursor }) }, leave.signal);
      const found = await persistently(ask, (text) => (wrong.value = text));
      leave.signal.throwIfAborted();
      pages.take(cursor, found);
      batch.value = found;
      clips.value = pages.clips;
      return found;
    };
    const follow = async (): Promise<void> => {
      while (pages.unread !== null) await look(pages.unread);
      for (let round = 0; ; round++) {
        if (batch.value?.state === 'DONE') {
          for (const cursor of pages.open) await look(cursor);
          say(`${batch.value.counts.ready} of ${batch.value.counts.total} clips are ready`);
          return;
        }
        await new Promise((resolve) => setTimeout(resolve, LOOK));
        // What is on display, and in turn one of the others.
        const { open } = pages;
        const cursors = [...view.value.map((n) => pages.of(n)), open[round % open.length]];
        for (const cursor of new Set(cursors)) if (cursor !== undefined) await look(cursor);
      }
    };
    follow().catch((error) => isAbort(error) || (wrong.value = reason(error)));
    return () => leave.abort();
  }, [id]);
  const found = batch.value;
  const listed = chosen(clips.value, choice.value);
  return (
    <section aria-labelledby="title">
      <h1 id="title">Clips</h1>
      {wrong.value && <p role="alert">{wrong.value}</p>}
      {found && (
        <div data-state={found.state} data-outcome={found.outcome} data-listed={listed.length}>
          <p class="row">
            <progress max={100} value={found.percent} aria-label="The part that is made" /> {found.percent} %: {found.counts.ready} of {found.counts.total} ready
            {!!found.counts.failed && `, ${found.counts.failed} failed`}
            {found.state !== 'DONE' && (
              <button type="button" onClick={() => void api.cancelBatch(id).catch((error) => (wrong.value = reason(error)))}>
                Cancel
              </button>
            )}
            <label>
              Clips
              <select value={choice.value} onChange={(event) => (choice.value = event.currentTarget.value as Choice)}>
                {Object.entries(CHOICES).map(([value, words]) => (
                  <option value={value} key={value}>
                    {words}
                  </option>
                ))}
              </select>
            </label>
          </p>
          {found.skipped.length > 0 && <p>{found.skipped.length} segments make no clip.</p>}
          <LongTable
            label="Table of clips"
            kind="clips"
            head={['Clip', 'State', 'Start', 'Length', 'Why']}
            items={listed}
            onShow={(first, until) => (view.value = [listed[first]?.n ?? 1, listed[Math.min(until, listed.length) - 1]?.n ?? 1])}
            cells={(clip) => [
              clip.state === 'PENDING' ? clip.name : <a href={href('jobs', clip.job_id)}>{clip.name}</a>,
              <StateMark state={clip.state} />,
              instant(clip.start_pos_ms),
              length(clip.duration_ms),
              [clip.error, clip.detail].filter(Boolean).join(': '),
            ]}
          />
        </div>
      )}
    </section>
  );
}
