// What a person does in the console. Each journey gets the page and the task, and gives what it saw.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** Rules that axe finds broken, with the elements. */
async function broken(page) {
  await page.evaluate(AXE);
  const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ['violations'] }));
  return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' | ')}`);
}

/** The same in light and in dark. */
async function brokenInBoth(page) {
  const found = [];
  for (const colorScheme of ['light', 'dark']) {
    await page.emulateMedia({ colorScheme });
    found.push(...(await broken(page)).map((text) => `${colorScheme}: ${text}`));
  }
  return found;
}

const heading = (page, name) => page.getByRole('heading', { level: 1, name });

async function jobs(page, { file }) {
  await page.getByRole('link', { name: 'Jobs' }).click();
  const row = page.getByRole('row').filter({ hasText: file }).first();
  const told = await row.innerText();
  await row.getByRole('link').click();
  await page.locator('article[data-state=READY]').waitFor();
  const video = page.locator('video.clip');
  await video.evaluate((each) => each.readyState >= 2 || new Promise((resolve) => each.addEventListener('loadeddata', resolve)));
  const duration = await video.evaluate((each) => each.duration);
  const links = await page.getByRole('link', { name: /^Download/ }).evaluateAll((all) => all.map((each) => each.href));
  return { told, duration, links, text: await page.locator('article').innerText() };
}

async function filtered(page) {
  await page.goto(`${new URL(page.url()).href.split('#')[0]}#/jobs`);
  await page.getByRole('row').nth(1).waitFor();
  await page.getByLabel('State').selectOption({ label: 'failed' });
  await page.getByText('There is no such job.').waitFor();
  return (await page.getByRole('row').count()) - 1;
}

async function entering(page, { other }) {
  const dialogue = page.getByRole('dialog', { name: 'Session' });
  await dialogue.waitFor();
  const focused = await page.evaluate(() => document.activeElement?.getAttribute('name'));
  await page.keyboard.press('Escape');
  const stays = await dialogue.isVisible();
  await page.keyboard.type('0'.repeat(32));
  await page.keyboard.press('Enter');
  await dialogue.getByText('not valid').waitFor();
  await page.keyboard.type(other);
  await page.keyboard.press('Enter');
  await dialogue.waitFor({ state: 'hidden' });
  await heading(page, 'Recordings').waitFor();
  await page.getByRole('listitem').first().waitFor();
  return { focused, stays, address: page.url() };
}

async function address(page, { session }) {
  const sent = [];
  page.on('request', (request) => request.url().includes(session) && sent.push(request.url()));
  await page.getByRole('listitem').first().waitFor();
  await page.reload();
  await page.getByRole('listitem').first().waitFor();
  return { url: page.url(), sent };
}

async function accessible(page, { job }) {
  const found = {};
  const look = async (name) => Object.assign(found, { [name]: await brokenInBoth(page) });
  const open = (hash) => page.evaluate((to) => void (location.hash = to), hash);
  await page.getByRole('listitem').first().waitFor();
  await look('recordings');
  await open('#/jobs');
  await page.getByRole('row').nth(1).waitFor();
  await look('jobs');
  await open(`#/jobs/${job}`);
  await page.locator('article[data-state=READY] video').waitFor();
  await look('job');
  await page.getByRole('button', { name: 'Leave session' }).click();
  await page.getByRole('dialog').waitFor();
  await look('session');
  return found;
}

// ---- cutting

const cut = (page) => page.locator('section.cut');

/** A mark or the playhead in ns; `null` if there is none. */
async function ns(page, name) {
  const text = await cut(page).getAttribute(`data-${name}`);
  return text === null ? null : Number(text);
}

/** Opens a recording; ends when a frame is on display. */
async function openCut(page, path) {
  await page.evaluate((to) => void (location.hash = to), `#/cut/${path}`);
  await page.waitForFunction(() => document.querySelector('section.cut')?.dataset.playhead !== undefined);
  await settled(page);
}

/** Waits until the frame on display has been painted. */
async function settled(page) {
  await page.waitForFunction(() => {
    const video = document.querySelector('section.cut video');
    return video.hidden || (!video.seeking && video.readyState >= 2);
  });
}

/** Presses a key that moves the playhead, and waits until it has moved. */
async function move(page, key) {
  const before = await cut(page).getAttribute('data-playhead');
  await page.keyboard.press(key);
  await page.waitForFunction((from) => document.querySelector('section.cut').dataset.playhead !== from, before);
  await settled(page);
}

/** Moves to a frame by seconds and frames, from the first one. */
async function goToFrame(page, frame, fps, from = 0) {
  const [key, by] = frame >= from ? ['ArrowRight', frame - from] : ['ArrowLeft', from - frame];
  for (let n = 0; n < Math.floor(by / fps); n++) await move(page, `Shift+${key}`);
  for (let n = 0; n < by % fps; n++) await move(page, key);
}

/** The mean brightness, 0 to 255, of the middle of each cell of the code in the picture on display. */
function cells(page, { cell, columns, rows }, which = 'section.cut video') {
  return page.evaluate(
    ({ cell, columns, rows, which }) => {
      const video = document.querySelector(which);
      const paper = new OffscreenCanvas(columns * cell, rows * cell).getContext('2d', { willReadFrequently: true });
      paper.drawImage(video, 0, 0);
      const { data } = paper.getImageData(0, 0, columns * cell, rows * cell);
      const margin = cell / 4;
      return Array.from({ length: columns * rows }, (_, n) => {
        const [left, top] = [(n % columns) * cell, Math.floor(n / columns) * cell];
        let sum = 0;
        for (let y = top + margin; y < top + cell - margin; y++)
          for (let x = left + margin; x < left + cell - margin; x++) sum += data[4 * (y * columns * cell + x) + 1];
        return Math.round(sum / (cell - 2 * margin) ** 2);
      });
    },
    { cell, columns, rows, which },
  );
}

async function steps(page, { path, walk, code }) {
  await openCut(page, path);
  const seen = [{ ns: await ns(page, 'playhead'), cells: await cells(page, code) }];
  for (const by of walk) {
    await move(page, by > 0 ? 'ArrowRight' : 'ArrowLeft');
    seen.push({ ns: await ns(page, 'playhead'), cells: await cells(page, code) });
  }
  return seen;
}

/** The plan on display, once there is one. */
async function shownPlan(page) {
  const plan = page.locator('.plan[data-encoded]');
  await plan.waitFor();
  const [encoded, copied, lack] = await Promise.all(['encoded', 'copied', 'lack'].map((name) => plan.getAttribute(`data-${name}`)));
  return { encoded: Number(encoded), copied: Number(copied), lack: Number(lack), text: await plan.innerText() };
}

/** Presses E, and waits for the end of the job. */
async function exported(page) {
  await page.keyboard.press('e');
  const job = page.locator('.made article[data-state=READY], .made article[data-state=FAILED]');
  await job.waitFor({ timeout: 60000 });
  return { job: await job.getAttribute('data-job'), text: await job.innerText() };
}

async function clip(page, { path, first, last, fps }) {
  await openCut(page, path);
  await goToFrame(page, first, fps);
  await page.keyboard.press('i');
  await goToFrame(page, last, fps, first);
  await page.keyboard.press('o');
  const plan = await shownPlan(page);
  return { plan, ...(await exported(page)) };
}

async function hole(page, { path, before, code }) {
  await openCut(page, path);
  await goToFrame(page, before - 1, 25);
  const seen = [await cells(page, code)];
  for (const key of ['ArrowRight', 'ArrowRight', 'ArrowRight', 'ArrowLeft', 'ArrowLeft']) {
    await move(page, key);
    seen.push(await cells(page, code));
    if (seen.length === 2) await page.keyboard.press('i');
    if (seen.length === 4) await page.keyboard.press('o');
  }
  const plan = await shownPlan(page);
  return { cells: seen, plan, ...(await exported(page)) };
}

/** Watches a job's clip as its playlist: its length, and the code of its first and of its last frame. */
async function watched(page, { job, last, code }) {
  await page.evaluate((to) => void (location.hash = to), `#/jobs/${job}`);
  await page.getByRole('button', { name: 'Watch at once' }).click();
  const video = page.locator('video.instant');
  await video.evaluate((each) => each.readyState >= 2 || new Promise((resolve) => each.addEventListener('loadeddata', resolve)));
  const seen = [];
  for (const at of [0.001, last]) {
    await video.evaluate(
      (each, to) =>
        new Promise((resolve) => {
          each.requestVideoFrameCallback(resolve);
          each.currentTime = to;
        }),
      at,
    );
    seen.push(await cells(page, code, 'video.instant'));
  }
  return { cells: seen, duration: await video.evaluate((each) => each.duration) };
}

async function keyFrames(page, { path, code }) {
  await openCut(page, path);
  const seen = [];
  for (const key of ['ArrowDown', 'ArrowDown', 'ArrowUp', 'End', 'ArrowLeft', 'Home']) {
    await move(page, key);
    seen.push(await cells(page, code));
  }
  return seen;
}

async function copied(page, { path, fps }) {
  await openCut(page, path);
  await goToFrame(page, 30, fps);
  await page.keyboard.press('i');
  await goToFrame(page, 79, fps, 30);
  await page.keyboard.press('o');
  await page.getByLabel('Name').fill("it's a copy");
  const texts = {};
  for (const kind of ['JSON', 'curl', 'CLI']) {
    await page.getByRole('group', { name: 'Copy the request' }).getByRole('button', { name: kind }).click();
    texts[kind] = await page.evaluate(() => navigator.clipboard.readText());
  }
  return texts;
}

async function outlived(page, { path, other, ends }) {
  await openCut(page, path);
  await page.keyboard.press('i');
  await move(page, 'Shift+ArrowRight');
  await page.keyboard.press('o');
  const marks = async () => [await ns(page, 'from'), await ns(page, 'until'), await ns(page, 'playhead')];
  const before = await marks();
  await page.waitForTimeout(Math.max(0, ends * 1000 - Date.now()));
  await page.keyboard.press('e');
  const dialogue = page.getByRole('dialog', { name: 'Session' });
  await dialogue.waitFor();
  await page.keyboard.type(other);
  await page.keyboard.press('Enter');
  await dialogue.waitFor({ state: 'hidden' });
  await page.locator('.made article[data-state=READY]').waitFor({ timeout: 60000 });
  return { before, after: await marks() };
}

async function keyboardOnly(page, { path }) {
  const focused = () => page.evaluate(() => document.activeElement?.textContent || document.activeElement?.getAttribute('aria-label') || document.activeElement?.getAttribute('name'));
  const tabTo = async (wanted) => {
    for (let n = 0; n < 60; n++) {
      await page.keyboard.press('Tab');
      if ((await focused())?.match(wanted)) return;
    }
    throw new Error(`no way to ${wanted} by Tab`);
  };
  await page.getByRole('listitem').first().waitFor();
  await tabTo(/^path$/);
  await page.keyboard.type(path);
  await page.keyboard.press('Enter');
  await page.waitForFunction(() => document.querySelector('section.cut')?.dataset.playhead !== undefined);
  await settled(page);
  await page.keyboard.press('?');
  await tabTo(/^O$/);
  await page.keyboard.press('Enter');
  await page.keyboard.press('x');
  const changed = await page.getByRole('button', { name: /last frame of the clip/ }).innerText();
  await page.keyboard.press('?');
  await tabTo(/^Playhead$/);
  const valued = () => page.getByRole('slider', { name: 'Playhead' }).getAttribute('aria-valuetext');
  const texts = [await valued()];
  await move(page, 'ArrowRight');
  await page.keyboard.press('i');
  texts.push(await valued());
  await move(page, 'Shift+ArrowRight');
  await page.keyboard.press('o');
  const unmarked = await ns(page, 'until');
  await page.keyboard.press('x');
  await shownPlan(page);
  await tabTo(/^Export/);
  await page.keyboard.press('Enter');
  await page.locator('.made article[data-state=READY]').waitFor({ timeout: 60000 });
  await tabTo(/^Download .*mp4/);
  return { texts, changed, unmarked, focused: await focused() };
}

async function cutAccessible(page, { path }) {
  await openCut(page, path);
  await page.keyboard.press('i');
  await move(page, 'Shift+ArrowRight');
  await page.keyboard.press('o');
  await page.keyboard.press('?');
  await shownPlan(page);
  await exported(page);
  return brokenInBoth(page);
}

async function played(page, { path }) {
  await openCut(page, path);
  await page.keyboard.press('i');
  await move(page, 'Shift+ArrowRight');
  await page.keyboard.press('o');
  const until = await ns(page, 'until');
  await page.keyboard.press('/');
  await page.getByRole('button', { name: 'Pause' }).waitFor();
  await page.getByRole('button', { name: 'Play', exact: true }).waitFor();
  await settled(page);
  return { until, stopped: await ns(page, 'playhead') };
}

/** A clip whose end is not recorded yet, from the live edge of a recording on. */
async function growing(page, { path, code }) {
  await openCut(page, path);
  await move(page, 'g');
  const first = await cells(page, code);
  await page.keyboard.press('i');
  await page.getByLabel('Length').fill('00:00:08.000');
  await page.getByLabel('Length').press('Enter');
  await page.getByText('the clip is ready soon after').waitFor();
  await page.evaluate(() => document.activeElement?.blur());
  await page.keyboard.press('e');
  await page.locator('.made article').waitFor();
  await page.context().setOffline(true);
  await page.locator('.made [role=alert]').getByText('It is asked again.').waitFor();
  await page.context().setOffline(false);
  const made = await exported(page);
  await page.locator('.made [role=alert]').waitFor({ state: 'detached' });
  await move(page, 'g');
  return { first, last: await cells(page, code), ...made };
}

/** A recording that the browser cannot show: stepped through, and cut from a frame to a time that is typed in. */
async function unseen(page, { path, at, until, fps }) {
  await openCut(page, path);
  const told = await page.locator('.unshown').innerText();
  await goToFrame(page, at, fps);
  const stepped = await ns(page, 'playhead');
  await page.keyboard.press('t');
  const picture = page.locator('.unshown img');
  await picture.evaluate((each) => each.complete || new Promise((resolve) => each.addEventListener('load', resolve)));
  await page.keyboard.press('i');
  if (await page.getByLabel('UTC in place').isChecked()) await page.getByLabel('UTC in place').uncheck();
  const out = page.getByLabel('Out', { exact: true });
  await out.fill(until);
  await out.press('Enter');
  const plan = await shownPlan(page);
  await page.evaluate(() => document.activeElement?.blur());
  const found = [...(await broken(page)), ...(await page.getByRole('alert').allInnerTexts())];
  const made = page.locator('.made article[data-state=READY] h2').filter({ hasText: '.mp4' });
  await page.keyboard.press('e');
  await made.waitFor({ timeout: 60000 });
  return { told, stepped, picture: await picture.getAttribute('src'), plan, broken: found, job: await page.locator('.made article').getAttribute('data-job') };
}

// ---- documents

async function openDocument(page, { event, program }) {
  await page.getByRole('link', { name: 'Documents' }).click();
  await page.getByLabel('Event').fill(event);
  await page.getByLabel('Program').fill(program);
  await page.getByRole('button', { name: 'Show', exact: true }).click();
  await page.getByText(/of \d+ segments/).waitFor();
}

/** Shows a finished job as one that was cancelled, and asks for it again; gives the job that this leads to. */
async function askedAgain(page, job) {
  const one = `**/export/jobs/${job}`;
  await page.route(one, async (route) => {
    const response = await route.fetch();
    await route.fulfill({ response, json: { ...(await response.json()), state: 'CANCELLED' } });
  });
  await page.reload();
  await page.locator('article[data-state=CANCELLED]').waitFor();
  await page.unroute(one);
  await page.getByRole('button', { name: 'Again' }).click();
  const made = page.locator('article[data-state=READY]');
  await made.waitFor({ timeout: 120000 });
  return made.getAttribute('data-job');
}

/** Has a clip made of each chosen segment, and then one video of all of them. */
async function clipAll(page, task) {
  const fill = async () => {
    await page.getByRole('button', { name: task.feature, exact: true }).click();
    await page.getByLabel('Recording').fill(task.path);
    await page.getByLabel('Shift, ms').fill(String(task.shift));
    await page.getByLabel('Names').fill(task.naming);
  };
  await openDocument(page, task);
  await fill();
  const told = await page.getByText(/of \d+ segments/).first().innerText();
  await page.getByRole('button', { name: 'Show in the recording' }).click();
  await page.waitForFunction(() => document.querySelector('section.cut')?.dataset.playhead !== undefined);
  await page.goBack();
  await fill();
  await page.getByRole('button', { name: 'Clip all' }).click();
  const done = page.locator('[data-state=DONE]');
  await done.waitFor({ timeout: 120000 });
  const jobs = await page.getByRole('row').getByRole('link').evaluateAll((all) => all.map((each) => each.hash.split('/').at(-1)));
  const found = { outcome: await done.getAttribute('data-outcome'), broken: await broken(page) };
  await page.goBack();
  await fill();
  await page.getByRole('button', { name: 'One video' }).click();
  await page.locator('article progress').waitFor();
  const reel = page.locator('article[data-state=READY]');
  await reel.waitFor({ timeout: 120000 });
  const windows = page.getByRole('region', { name: 'Windows of the reel' });
  const rows = await windows.getByRole('row').evaluateAll((all) => all.slice(1).map((row) => [...row.cells].map((cell) => cell.innerText)));
  await page.locator('video.clip').waitFor();
  const link = await page.getByRole('link', { name: /^Download .*mp4/ }).getAttribute('href');
  const job = await reel.getAttribute('data-job');
  found.broken.push(...(await broken(page)));
  await page.goBack();
  const made = page.getByRole('region', { name: 'Made of this document' }).getByRole('listitem');
  for (const words of [/^One video.* ready$/, /2 of 2 ready/]) await made.filter({ hasText: words }).waitFor();
  const list = await made.allInnerTexts();
  found.broken.push(...(await broken(page)));
  await made.getByRole('link', { name: /^One video/ }).click();
  await reel.waitFor();
  return { told, jobs, ...found, reel: { job, again: await askedAgain(page, job), rows, link, list } };
}

async function saved(page, task) {
  await openDocument(page, task);
  const found = await broken(page);
  const files = {};
  for (const format of ['JSON', 'CSV']) {
    const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: `Save as ${format}` }).click()]);
    files[download.suggestedFilename()] = readFileSync(await download.path(), 'utf8');
  }
  return { files, broken: found };
}

/** Scrolls through a long table; gives the most rows in the page, the median time between pictures, and its last row. */
function scrolledThrough(page) {
  return page.evaluate(async () => {
    const list = document.querySelector('.long');
    const [times, rows] = [[], new Set()];
    for (let n = 0; n < 120; n++) {
      list.scrollTop += 611;
      times.push(await new Promise(requestAnimationFrame));
      rows.add(list.querySelectorAll('tr').length);
    }
    const between = times.slice(1).map((time, n) => time - times[n]).sort((one, other) => one - other);
    const { scrollTop: top } = list;
    list.scrollTop = list.scrollHeight;
    await new Promise((resolve) => setTimeout(resolve, 100));
    const last = [...list.querySelectorAll('tbody tr:not(.gap)')].at(-1).innerText;
    return { rows: Math.max(...rows), median: between[Math.floor(between.length / 2)], top, last };
  });
}

/** A document of many segments, and a batch of as many clips, of which one has failed. */
async function scrolled(page, { count }) {
  const Segments = Array.from({ length: count }, (_, n) => ({ Start: n * 10, End: n * 10 + 8, FeaturesFound: [`F${n % 7}`] }));
  await page.route('**/export/data/event?*', (route) => route.fulfill({ json: { Event: { AudioTracksFound: [1] }, Segments } }));
  await openDocument(page, { event: 'e', program: 'p' });
  const segments = await scrolledThrough(page);
  const counts = { total: count, ready: count - 1, failed: 1, pending: 0, queued: 0, running: 0, waiting: 0, cancelled: 0 };
  const clip = (n) => ({ n, name: `clip ${n}`, job_id: 'a'.repeat(32), state: n === count - 5 ? 'FAILED' : 'READY', start_pos_ms: n * 1000, duration_ms: 900, error: null, detail: null });
  await page.route('**/export/batch/*', (route) => {
    const query = new URL(route.request().url()).searchParams;
    const [from, limit] = [Number(query.get('cursor') ?? 0), Number(query.get('limit'))];
    const clips = Array.from({ length: Math.min(limit, count - from) }, (_, n) => clip(from + n + 1));
    const next = from + limit < count ? String(from + limit) : null;
    return route.fulfill({ json: { id: 'b', state: 'DONE', outcome: 'PARTIAL', percent: 100, counts, clips, next, skipped: [], warnings: [] } });
  });
  await page.evaluate(() => void (location.hash = '#/batch/b'));
  await page.locator(`[data-listed="${count}"]`).waitFor();
  const clips = await scrolledThrough(page);
  await page.getByRole('combobox', { name: 'Clips' }).selectOption('failed');
  await page.locator('[data-listed="1"]').waitFor();
  return { segments, clips, failed: await page.locator('.long tbody th').allInnerTexts(), broken: await broken(page) };
}

async function picture(page, { path, file }) {
  await page.setViewportSize({ width: 1060, height: 760 });
  await openCut(page, path);
  await goToFrame(page, 58, 25);
  await page.keyboard.press('i');
  await goToFrame(page, 207, 25, 58);
  await page.keyboard.press('o');
  await page.getByLabel('Name').fill('goal');
  await shownPlan(page);
  await page.evaluate(() => document.activeElement?.blur());
  await page.screenshot({ path: file });
  return true;
}

export const JOURNEYS = {
  jobs, filtered, entering, address, accessible, steps, clip, watched, hole, keyFrames, copied, outlived, keyboardOnly, cutAccessible, played, growing, unseen, clipAll, saved, scrolled, picture,
};
