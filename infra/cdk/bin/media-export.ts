/** An app with nothing but Media Export, set up by context: cdk.json, or `-c name=value`. See README.md. */
import { App, Stack } from 'aws-cdk-lib';
import { Table } from 'aws-cdk-lib/aws-dynamodb';
import { Architecture } from 'aws-cdk-lib/aws-lambda';
import { Bucket, type IBucket } from 'aws-cdk-lib/aws-s3';
import { MediaExport, type MediaExportProps } from '../lib';

const app = new App();
const context = (name: string): string | undefined => app.node.tryGetContext(name);
const stack = new Stack(app, context('stackName') ?? 'media-export', {
  env: { account: process.env['CDK_DEFAULT_ACCOUNT'], region: process.env['CDK_DEFAULT_REGION'] },
});

new MediaExport(stack, 'MediaExport', {
  checkout: context('checkout'),
  architecture: context('architecture') === 'x86_64' ? Architecture.X86_64 : Architecture.ARM_64,
  sourceBucket: existingBucket('sourceBucket'),
  exportBucket: existingBucket('exportBucket'),
  alarmEmail: context('alarmEmail'),
  ...mediaReplayEngine(app.node.tryGetContext('mreTables')),
});

function existingBucket(prop: string): IBucket | undefined {
  const name = context(prop);
  return name === undefined ? undefined : Bucket.fromBucketName(stack, prop, name);
}

/** The tables by prop's name, or without any an empty Media Replay Engine. */
function mediaReplayEngine(tables?: Record<string, string>): MediaExportProps {
  if (!tables) return { createMreTables: true };
  return Object.fromEntries(Object.entries(tables).map(([prop, name]) => [prop, Table.fromTableName(stack, prop, name)]));
}
