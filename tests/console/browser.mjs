// Runs one journey through the console in headless Chromium: `node browser.mjs NAME`, its arguments as JSON on standard input.
// Prints what the journey gives, and what the browser noticed on the way, as JSON.
import { readFileSync } from 'node:fs';
import { chromium } from 'playwright-core';
import { JOURNEYS } from './journeys.mjs';

const task = JSON.parse(readFileSync(0, 'utf8'));
const { executable, url, storage, session } = task;
const browser = await chromium.launch({
  executablePath: executable,
  args: ['--disable-dev-shm-usage', '--autoplay-policy=no-user-gesture-required', '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1'],
  chromiumSandbox: process.getuid() !== 0,
});
const noticed = { violations: [], errors: [], foreign: [] };
try {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, reducedMotion: 'reduce' });
  await context.grantPermissions(['clipboard-read', 'clipboard-write']);
  const page = await context.newPage();
  await page.exposeFunction('noticeViolation', (text) => noticed.violations.push(text));
  await page.addInitScript(() =>
    addEventListener('securitypolicyviolation', (event) =>
      window.noticeViolation(`${event.effectiveDirective} ${event.blockedURI} ${event.sourceFile}:${event.lineNumber}`)),
  );
  page.on('pageerror', (error) => noticed.errors.push(String(error.stack ?? error)));
  page.on('request', (request) => {
    const { origin, protocol } = new URL(request.url());
    if (protocol.startsWith('http') && origin !== new URL(url).origin && origin !== storage) noticed.foreign.push(request.url());
  });
  page.setDefaultTimeout(20000);
  await page.goto(session ? `${url}#session=${session}` : url);
  const result = await JOURNEYS[task.journey](page, task);
  process.stdout.write(JSON.stringify({ result, ...noticed }));
} finally {
  await browser.close();
}
