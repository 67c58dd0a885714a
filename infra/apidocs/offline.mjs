// The page loads one thing from elsewhere, the renderer's logo: an empty picture takes its place. Names in tables stay on one line.
import { readFileSync, writeFileSync } from 'node:fs';

const [page] = process.argv.slice(2);
const nothing = "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' width='0' height='0'/%3E";
const text = readFileSync(page, 'utf8');
const local = text.replace(/https:\/\/cdn\.redoc\.ly\/[\w./-]+\.svg/g, nothing);
if (local === text) throw new Error(`${page} loads no logo any more: this step can go`);
writeFileSync(page, local.replace('<head>', `<head><link rel="icon" href="${nothing}"><style>td code{white-space:nowrap}</style>`));
