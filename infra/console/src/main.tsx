/** The console: its frame, the dialogue for a session, and the screen that the address names. */
import { render } from 'preact';
import type { ComponentChild } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { BatchScreen } from './batch';
import { CutScreen } from './cut';
import { DocumentsScreen } from './documents';
import { JobScreen, JobsScreen } from './jobs';
import { RecordingsScreen } from './recordings';
import { follow, href, route } from './route';
import { said } from './say';
import { asked, begin, enter, leave } from './session';
import './style.css';

const SCREENS: readonly [string, string][] = [
  ['recordings', 'Recordings'],
  ['jobs', 'Jobs'],
  ['documents', 'Documents'],
];

function screen(): ComponentChild {
  const { screen, argument } = route.value;
  switch (screen) {
    case 'jobs':
      return argument ? <JobScreen id={argument} key={argument} /> : <JobsScreen />;
    case 'documents':
      return <DocumentsScreen argument={argument} />;
    case 'batch':
      return <BatchScreen id={argument} key={argument} />;
    case 'cut':
      return <CutScreen path={argument} key={argument} />;
    default:
      return <RecordingsScreen under={argument} key={argument} />;
  }
}

function Frame() {
  const current = route.value.screen;
  return (
    <>
      <a class="skip" href="#main" onClick={(event) => (event.preventDefault(), document.getElementById('main')?.focus())}>
        Skip to content
      </a>
      <header>
        <span class="brand">Media Export</span>
        <nav aria-label="Screens">
          {SCREENS.map(([name, title]) => (
            <a href={href(name)} aria-current={current === name ? 'page' : undefined} key={name}>
              {title}
            </a>
          ))}
        </nav>
        <button type="button" onClick={leave}>
          Leave session
        </button>
      </header>
      <main id="main" tabIndex={-1}>
        {screen()}
      </main>
      <div class="unseen" role="status" aria-live="polite">
        {said.value}
      </div>
      <SessionDialogue />
    </>
  );
}

/** Asks for a session over whatever is on display, which stays as it is. */
function SessionDialogue() {
  const dialog = useRef<HTMLDialogElement>(null);
  const why = asked.value;
  useEffect(() => {
    if (why === null) dialog.current?.close();
    else if (!dialog.current?.open) dialog.current?.showModal();
  }, [why]);
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    const form = event.target as HTMLFormElement;
    const given = String(new FormData(form).get('session')).trim();
    form.reset();
    if (given) enter(given);
  };
  return (
    <dialog ref={dialog} aria-labelledby="session-title" onCancel={(event) => event.preventDefault()}>
      <form onSubmit={submit}>
        <h2 id="session-title">Session</h2>
        <p>{why}</p>
        <label>
          Session ID
          <input name="session" type="password" autocomplete="off" required minLength={16} maxLength={256} />
        </label>
        <p class="quiet">An operator makes one with <code>make session</code>. It stays in this tab.</p>
        <button type="submit" class="primary">
          Go on
        </button>
      </form>
    </dialog>
  );
}

begin();
follow();
const root = document.getElementById('app');
if (root) render(<Frame />, root);
