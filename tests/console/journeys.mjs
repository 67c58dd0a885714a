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
  const look = async (name) => Object.assign(found, { [name]: await broken(page) });
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

export const JOURNEYS = { jobs, filtered, entering, address, accessible };
