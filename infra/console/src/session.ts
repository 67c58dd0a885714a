/** The session: kept by the tab alone, and asked for when the service refuses it. */
import { signal } from '@preact/signals';

const KEY = 'session';

/** The session that requests are sent with; empty until there is one. */
let known = '';
/** Requests that wait for a session. */
let waiting: (() => void)[] = [];

/** Why the dialogue is open; `null` while it is closed. */
export const asked = signal<string | null>(null);

/** Takes the session out of the address, if it is there, and leaves no trace of it in the tab's history. */
export function begin(): void {
  const given = /^#session=([!-~]{16,256})$/.exec(location.hash);
  if (given?.[1]) {
    sessionStorage.setItem(KEY, decodeURIComponent(given[1]));
    history.replaceState(null, '', `${location.pathname}${location.search}#/recordings`);
  }
  known = sessionStorage.getItem(KEY) ?? '';
}

/** The session, once there is one. */
export async function session(): Promise<string> {
  while (!known) {
    asked.value ??= 'This page needs a session of the service.';
    await new Promise<void>((resolve) => waiting.push(resolve));
  }
  return known;
}

/** The service takes `refused` no more. */
export function refuse(refused: string): void {
  if (refused === known) {
    known = '';
    sessionStorage.removeItem(KEY);
    asked.value = 'The session is not valid, or not any more.';
  }
}

/** Goes on with another session. */
export function enter(given: string): void {
  known = given;
  sessionStorage.setItem(KEY, given);
  asked.value = null;
  const before = waiting;
  waiting = [];
  for (const resume of before) resume();
}

/** Forgets the session. */
export function leave(): void {
  refuse(known);
  asked.value = 'You have left the session.';
}
