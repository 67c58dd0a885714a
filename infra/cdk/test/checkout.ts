import { cpSync, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import * as path from 'node:path';
import { readTemplate } from '../lib/template';

/** The template of this checkout. */
export const TEMPLATE = path.resolve(__dirname, '../../../sam/template.yaml');

/** A checkout in a temporary folder: the template, and files in place of the zips that hold nothing but their own path. */
export function placeholderCheckout(): string {
  const checkout = mkdtempSync(path.join(tmpdir(), 'media-export-cdk-'));
  const folder = path.join(checkout, 'infra/sam');
  cpSync(TEMPLATE, path.join(folder, 'template.yaml'));
  for (const { Properties } of Object.values(readTemplate(TEMPLATE).Resources)) {
    const uri = Properties?.['CodeUri'] ?? Properties?.['ContentUri'];
    if (typeof uri !== 'string') continue;
    const file = path.resolve(folder, uri);
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, path.relative(checkout, file));
  }
  return checkout;
}
