/** One recording: what it holds. */
import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { api } from './api';
import type { Recording } from './api';
import { clock, instant, length } from './format';
import { reason } from './say';

/** Shows the recording at `path`. */
export function CutScreen({ path }: { path: string }) {
  const recording = useSignal<Recording | null>(null);
  const wrong = useSignal('');
  useEffect(() => {
    api.recording(path).then(
      (found) => (recording.value = found),
      (error) => (wrong.value = reason(error)),
    );
  }, [path]);
  return (
    <section aria-labelledby="title">
      <h1 id="title">Recording</h1>
      <p>
        <code>{path}</code>
      </p>
      {wrong.value && <p role="alert">{wrong.value}</p>}
      {recording.value && <Holds recording={recording.value} />}
    </section>
  );
}

function Holds({ recording }: { recording: Recording }) {
  const { start_time_ms: start = 0, end_time_ms: end = 0, start_pos_ms: pos, video, audio, holes } = recording;
  return (
    <dl>
      <dt>Range</dt>
      <dd>
        {pos !== undefined && `from ${instant(pos)} UTC, `}
        {clock(start)} to {clock(end)}, {length(end - start)}
        {recording.live && ', and more may come'}
      </dd>
      <dt>Holes</dt>
      <dd>{holes.length ? holes.map((hole) => `${clock(hole.start_time_ms)} for ${length(hole.duration_ms)}`).join(', ') : 'none'}</dd>
      <dt>Picture</dt>
      <dd>{video ? [video.codecs, video.width && `${video.width} × ${video.height}`, video.problem].filter(Boolean).join(', ') : 'none'}</dd>
      <dt>Audio</dt>
      <dd>{audio.map((track) => [track.language, track.label, track.codecs].filter(Boolean).join(' ')).join(', ') || 'none'}</dd>
    </dl>
  );
}
