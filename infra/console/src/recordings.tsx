/** Finds a recording: by its folders, or by its path. */
import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { api } from './api';
import type { RecordingPage } from './api';
import { instant } from './format';
import { go, href } from './route';
import { reason } from './say';

/** Shows what lies in the folder `under`. */
export function RecordingsScreen({ under }: { under: string }) {
  const pages = useSignal<RecordingPage[]>([]);
  const wrong = useSignal('');
  const busy = useSignal(true);
  const load = async (cursor: string): Promise<void> => {
    busy.value = true;
    try {
      const page = await api.recordings(under, cursor);
      pages.value = cursor ? [...pages.value, page] : [page];
      wrong.value = '';
    } catch (error) {
      wrong.value = reason(error);
    }
    busy.value = false;
  };
  useEffect(() => void load(''), [under]);
  const folders = pages.value.flatMap((page) => page.folders);
  const recordings = pages.value.flatMap((page) => page.recordings);
  const next = pages.value.at(-1)?.next;
  return (
    <section aria-labelledby="title" aria-busy={busy.value}>
      <h1 id="title">Recordings</h1>
      <OpenPath />
      <Trail under={under} />
      {wrong.value && <p role="alert">{wrong.value}</p>}
      <ul class="files">
        {folders.map((folder) => (
          <li key={folder}>
            <a href={href('recordings', folder.replace(/\/$/, ''))}>{nameOf(folder)}/</a>
          </li>
        ))}
        {recordings.map((each) => (
          <li key={each.live_path}>
            <a class="recording" href={href('cut', each.live_path)}>
              {each.live_path.slice(under ? under.length + 1 : 0)}
            </a>
            <time dateTime={each.updated}>{instant(Date.parse(each.updated))}</time>
          </li>
        ))}
      </ul>
      {!busy.value && !wrong.value && !folders.length && !recordings.length && <p>Nothing is recorded here.</p>}
      {next && (
        <button type="button" onClick={() => void load(next)}>
          More
        </button>
      )}
    </section>
  );
}

const nameOf = (folder: string): string => folder.replace(/\/$/, '').split('/').at(-1) ?? folder;

function Trail({ under }: { under: string }) {
  const parts = under.split('/').filter(Boolean);
  return (
    <nav class="trail" aria-label="Folder">
      <a href={href('recordings')}>All</a>
      {parts.map((part, n) => (
        <a href={href('recordings', parts.slice(0, n + 1).join('/'))} key={n}>
          {part}
        </a>
      ))}
    </nav>
  );
}

function OpenPath() {
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    const path = String(new FormData(event.target as HTMLFormElement).get('path')).trim();
    if (path) go('cut', path);
  };
  return (
    <form class="row" onSubmit={submit}>
      <label>
        Path of a recording
        <input name="path" required placeholder="mp4/device/1/stream.mpd" size={48} />
      </label>
      <button type="submit">Open</button>
    </form>
  );
}
