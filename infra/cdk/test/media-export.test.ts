import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import * as path from 'node:path';
import { after, test } from 'node:test';
import { App, CfnOutput, CfnParameter, NestedStack, Stack } from 'aws-cdk-lib';
import { Certificate } from 'aws-cdk-lib/aws-certificatemanager';
import { AttributeType, Table } from 'aws-cdk-lib/aws-dynamodb';
import { SecurityGroup, Subnet, Vpc } from 'aws-cdk-lib/aws-ec2';
import { EventBus } from 'aws-cdk-lib/aws-events';
import { ManagedPolicy } from 'aws-cdk-lib/aws-iam';
import { Key } from 'aws-cdk-lib/aws-kms';
import { Architecture, Tracing } from 'aws-cdk-lib/aws-lambda';
import { RetentionDays } from 'aws-cdk-lib/aws-logs';
import { HostedZone } from 'aws-cdk-lib/aws-route53';
import { Bucket } from 'aws-cdk-lib/aws-s3';
import { Secret } from 'aws-cdk-lib/aws-secretsmanager';
import { CfnInclude } from 'aws-cdk-lib/cloudformation-include';
import { AwsSolutionsChecks } from 'cdk-nag';
import type { Construct } from 'constructs';
import { AUTH_MODES, DATA_EXPORT_AUTHS, FFMPEG_CAGES, LOG_LEVELS, MediaExport, type MediaExportProps } from '../lib';
import { ACKNOWLEDGED } from '../lib/acknowledged';
import { ARGUMENTS, parameterValues, type Argument } from '../lib/parameters';
import { readTemplate, type Template } from '../lib/template';
import { TEMPLATE, placeholderCheckout } from './checkout';
import { differences } from './differences';

const PACKAGE = path.resolve(__dirname, '../..');
/** Where `make test-cdk` finds what was synthesised. */
const WRITTEN = path.join(PACKAGE, 'dist/written');
const SNAPSHOT = path.join(PACKAGE, 'test/snapshot.json');
const SOURCE = readTemplate(TEMPLATE);
const CHECKOUT = placeholderCheckout();
after(() => rmSync(CHECKOUT, { recursive: true }));

const MRE_TABLES = [
  'eventTable', 'pluginTable', 'profileTable', 'modelTable', 'pluginResultTable', 'clipPreviewFeedbackTable', 'replayRequestTable',
  'replayResultTable',
] as const;

/** What every output of the template is on the construct. */
const OUTPUTS: Record<string, (construct: MediaExport) => string | undefined> = {
  ApiUrl: it => it.apiUrl,
  DomainTarget: it => it.domainTarget,
  ApiId: it => it.api.apiId,
  SourceBucket: it => it.sourceBucket.bucketName,
  ExportBucket: it => it.exportBucket.bucketName,
  ExportOutputBucket: it => it.exportOutputBucket?.bucketName,
  JobsTableName: it => it.jobsTable.tableName,
  SessionsTableName: it => it.sessionsTable.tableName,
  TenantsTableName: it => it.tenantsTable.tableName,
  ExportStateTableName: it => it.exportStateTable?.tableName,
  ClipQueueUrl: it => it.clipQueue.queueUrl,
  ClipDeadLetterQueueUrl: it => it.clipDeadLetterQueue.queueUrl,
  BulkQueueUrl: it => it.bulkQueue.queueUrl,
  BulkDeadLetterQueueUrl: it => it.bulkDeadLetterQueue.queueUrl,
  ThumbnailQueueUrl: it => it.thumbnailQueue.queueUrl,
  ThumbnailDeadLetterQueueUrl: it => it.thumbnailDeadLetterQueue.queueUrl,
  DataExportQueueUrl: it => it.dataExportQueue?.queueUrl,
  DataExportDeadLetterQueueUrl: it => it.dataExportDeadLetterQueue?.queueUrl,
  MediaExportSubmitFunction: it => it.mediaExportSubmitFunction.functionArn,
  MediaExportSubmitRoleArn: it => it.mediaExportSubmitFunction.role?.roleArn,
  ExportBatchFunction: it => it.exportBatchFunction.functionArn,
  ExportBatchRoleArn: it => it.exportBatchFunction.role?.roleArn,
  StatusPollFunction: it => it.statusPollFunction.functionArn,
  StatusPollRoleArn: it => it.statusPollFunction.role?.roleArn,
  RecordingsFunction: it => it.recordingsFunction.functionArn,
  RecordingsRoleArn: it => it.recordingsFunction.role?.roleArn,
  MediaReadFunction: it => it.mediaReadFunction.functionArn,
  MediaReadRoleArn: it => it.mediaReadFunction.role?.roleArn,
  MediaExportClipWorkerFunction: it => it.mediaExportClipWorkerFunction.functionArn,
  MediaExportBulkWorkerFunction: it => it.mediaExportBulkWorkerFunction.functionArn,
  MediaExportBulkWorkerRoleArn: it => it.mediaExportBulkWorkerFunction.role?.roleArn,
  MediaExportClipWorkerRoleArn: it => it.mediaExportClipWorkerFunction.role?.roleArn,
  MediaExportThumbnailWorkerFunction: it => it.mediaExportThumbnailWorkerFunction.functionArn,
  MediaExportThumbnailWorkerRoleArn: it => it.mediaExportThumbnailWorkerFunction.role?.roleArn,
  MediaExportChunkWorkerFunction: it => it.mediaExportChunkWorkerFunction?.functionArn,
  MediaExportChunkWorkerRoleArn: it => it.mediaExportChunkWorkerFunction?.role?.roleArn,
  ChunkMachineArn: it => it.chunkMachine?.stateMachineArn,
  JobSweeperFunction: it => it.jobSweeperFunction.functionArn,
  JobSweeperRoleArn: it => it.jobSweeperFunction.role?.roleArn,
  DataRoleArn: it => it.dataRole?.roleArn,
  EventExportFunction: it => it.eventExportFunction?.functionArn,
  EventExportRoleArn: it => it.eventExportFunction?.role?.roleArn,
  ReplayExportFunction: it => it.replayExportFunction?.functionArn,
  ReplayExportRoleArn: it => it.replayExportFunction?.role?.roleArn,
  DataExportWorkerFunction: it => it.dataExportWorkerFunction?.functionArn,
  DataExportWorkerRoleArn: it => it.dataExportWorkerFunction?.role?.roleArn,
  AlarmTopicArn: it => it.alarmTopic.topicArn,
  DashboardName: it => it.dashboardName,
  CompletionBusName: it => it.completionBusName,
  EventTableName: it => it.eventTable?.tableName,
  PluginTableName: it => it.pluginTable?.tableName,
  ProfileTableName: it => it.profileTable?.tableName,
  ModelTableName: it => it.modelTable?.tableName,
  PluginResultTableName: it => it.pluginResultTable?.tableName,
  ClipPreviewFeedbackTableName: it => it.clipPreviewFeedbackTable?.tableName,
  ReplayRequestTableName: it => it.replayRequestTable?.tableName,
  ReplayResultTableName: it => it.replayResultTable?.tableName,
  EventBusName: it => it.eventBus?.eventBusName,
};

function newApp(): App {
  const outdir = mkdtempSync(path.join(CHECKOUT, 'out-'));
  return new App({ outdir, context: { '@aws-cdk/core:validateAgainstDefaultRules': true } });
}

function mediaExport(scope: Construct, props: MediaExportProps = { createMreTables: true }): MediaExport {
  return new MediaExport(scope, 'MediaExport', { checkout: CHECKOUT, ...props });
}

/** Synthesises the app; nothing may be left for the CDK's own check of templates to report. */
function synthesise(stack: Stack): { template: Template; folder: string } {
  const assembly = (stack.node.root as App).synth();
  const report = JSON.parse(readFileSync(path.join(assembly.directory, 'validation-report.json'), 'utf8'));
  assert.deepEqual(report.pluginReports.flatMap((each: { violations: unknown[] }) => each.violations), []);
  const template = JSON.parse(readFileSync(path.join(assembly.directory, stack.templateFile), 'utf8'));
  return { template, folder: assembly.directory };
}

/** Everything that an integrator has already, named in this stack. */
function namedResources(stack: Stack): MediaExportProps {
  return {
    sourceBucket: Bucket.fromBucketName(stack, 'Source', 'recordings'),
    exportBucket: Bucket.fromBucketName(stack, 'Export', 'clips'),
    exportOutputBucket: Bucket.fromBucketName(stack, 'Output', 'documents'),
    mreMediaBucket: Bucket.fromBucketName(stack, 'Media', 'replays'),
    tenantSourceBuckets: [Bucket.fromBucketArn(stack, 'TenantSource', 'arn:aws:s3:::tenant-recordings')],
    previewUrls: true,
    eventBus: EventBus.fromEventBusName(stack, 'Bus', 'mre'),
    ...Object.fromEntries(MRE_TABLES.map(prop => [prop, Table.fromTableName(stack, prop, `mre-${prop}`)])),
  };
}

/** What an operator has: a key, a domain and a VPC. */
function operated(stack: Stack): MediaExportProps {
  const account = 'eu-west-1:123456789012';
  return {
    createMreTables: true,
    recordingsAccess: true,
    downloadLinks: true,
    instantPlayback: true,
    playbackDomain: 'd111111abcdef8.cloudfront.net',
    playbackKeyPairId: 'K2JCJMDEHXQW5F',
    playbackKeySecret: Secret.fromSecretCompleteArn(stack, 'PlaybackKey', `arn:aws:secretsmanager:${account}:secret:playback-AbCdEf`),
    playbackDistributionArn: 'arn:aws:cloudfront::123456789012:distribution/E2EXAMPLE',
    corsAllowOrigins: ['https://app.example.com', 'https://b.example'],
    kmsKey: Key.fromKeyArn(stack, 'Key', `arn:aws:kms:${account}:key/1234abcd-12ab-34cd-56ef-1234567890ab`),
    domainName: 'clips.example.com',
    domainCertificate: Certificate.fromCertificateArn(stack, 'Certificate', `arn:aws:acm:${account}:certificate/1234abcd`),
    hostedZone: HostedZone.fromHostedZoneId(stack, 'Zone', 'Z23ABC4XYZL05B'),
    vpcSubnets: ['subnet-0a', 'subnet-0b'].map(id => Subnet.fromSubnetId(stack, id, id)),
    vpcSecurityGroups: [SecurityGroup.fromSecurityGroupId(stack, 'Group', 'sg-0a')],
    tracing: Tracing.ACTIVE,
    alarmEmail: 'a@example.com',
    dataExportAuth: 'JWT',
    dataExportJwtIssuer: 'https://issuer.example.com',
    dataExportJwtAudience: 'media-export',
  };
}

/** Buckets of tenants, named by their beginnings, and their keys. */
function tenantBuckets(stack: Stack): MediaExportProps {
  return {
    tenantSourceBuckets: [{ bucketArn: 'arn:aws:s3:::acme-live-*' }],
    tenantTargetBuckets: [{ bucketArn: 'arn:aws:s3:::acme-clips-*' }],
    tenantKeys: [Key.fromKeyArn(stack, 'TenantKey', `arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ac`)],
    permissionsBoundary: ManagedPolicy.fromManagedPolicyArn(stack, 'Bound', 'arn:aws:iam::123456789012:policy/bound'),
    deletionProtection: true,
  };
}

test('what the CDK makes of the template is what the snapshot says', () => {
  const stack = new Stack(newApp(), 'Snapshot');
  mediaExport(stack);
  const { template, folder } = synthesise(stack);
  const assets = readdirSync(folder).filter(name => /^asset\.\w{64}\.zip$/.test(name));
  const named = assets.reduce(
    (text, name) => text.replaceAll(name.slice('asset.'.length), readFileSync(path.join(folder, name), 'utf8')),
    JSON.stringify(template),
  );
  const lines = Object.entries(differences(SOURCE, JSON.parse(named))).map(each => each.map(part => JSON.stringify(part)).join(': '));
  const found = `{\n${lines.join(',\n')}\n}\n`;
  if (process.env['UPDATE_SNAPSHOT']) writeFileSync(SNAPSHOT, found);
  assert.equal(found, readFileSync(SNAPSHOT, 'utf8'), 'if this is as intended: npm run snapshot');
});

for (const [what, props] of Object.entries({
  created: (): MediaExportProps => ({ createMreTables: true }),
  'media-only': (): MediaExportProps => ({ dataExport: false }),
  named: namedResources,
  operated: (stack: Stack): MediaExportProps => ({ ...operated(stack), ...tenantBuckets(stack) }),
})) {
  test(`the stack of what is ${what} is written, to be held to the template`, () => {
    const stack = new Stack(newApp(), 'Written');
    const given = props(stack);
    mediaExport(stack, given);
    mkdirSync(WRITTEN, { recursive: true });
    const content = JSON.stringify({ parameters: parameterValues(given, SOURCE), template: synthesise(stack).template });
    writeFileSync(path.join(WRITTEN, `${what}.json`), content);
  });
}

test('a changed, a lost and a new property are differences', () => {
  const source = { Queue: { Delay: 5, Arn: { 'Fn::GetAtt': 'A.Arn' }, Lost: [1] } };
  const synthesised = { Queue: { Delay: 6, Arn: { 'Fn::GetAtt': ['A', 'Arn'] }, New: true } };
  assert.deepEqual(differences(source, synthesised), { '/Queue/Delay': 6, '/Queue/Lost': '(removed)', '/Queue/New': true });
});

test('logical ids are those of the template', () => {
  const stack = new Stack(newApp(), 'Ids');
  mediaExport(stack, { ...operated(stack), ...tenantBuckets(stack), tenantCredentials: true, fanOut: true });
  assert.deepEqual(Object.keys(synthesise(stack).template.Resources).sort(), Object.keys(SOURCE.Resources).sort());
});

test('every parameter has a prop and every prop a parameter', () => {
  const parameters = Object.values(ARGUMENTS).map(each => each.parameter);
  assert.deepEqual(parameters.sort(), Object.keys(SOURCE.Parameters).sort());
});

test('the documented defaults are those of the template', () => {
  const names: Record<string, unknown> = {
    'RetentionDays.ONE_MONTH': RetentionDays.ONE_MONTH,
    'Architecture.ARM_64': Architecture.ARM_64,
    'Tracing.PASS_THROUGH': Tracing.PASS_THROUGH,
  };
  const source = readFileSync(path.join(PACKAGE, 'lib/props.ts'), 'utf8');
  for (const [prop, { parameter, text }] of Object.entries(ARGUMENTS) as [string, Argument<unknown>][]) {
    const documented = new RegExp(`@default (.*)\\n   \\*/\\n  readonly ${prop}\\?:`).exec(source)?.[1] ?? '';
    const given = String(SOURCE.Parameters[parameter]?.Default);
    if (documented.startsWith('- ')) {
      assert.ok(given === '' || prop === 'eventBus', `${prop}: the default is ${given}`);
    } else {
      assert.equal(text(names[documented] ?? JSON.parse(documented.replaceAll("'", '"'))), given, prop);
    }
  }
});

test('every allowed value can be said, and only those', () => {
  const sayable: Record<string, unknown[]> = {
    authMode: [...AUTH_MODES],
    dataExportAuth: [...DATA_EXPORT_AUTHS],
    logLevel: [...LOG_LEVELS],
    ffmpegCage: [...FFMPEG_CAGES],
    tracing: [Tracing.ACTIVE, Tracing.PASS_THROUGH],
    architecture: [Architecture.ARM_64, Architecture.X86_64],
    // The CDK's enum has more; the template's list is asked as the app is synthesised.
    logRetentionDays: SOURCE.Parameters['LogRetentionDays']?.AllowedValues ?? [],
  };
  for (const [prop, { parameter, text }] of Object.entries(ARGUMENTS) as [string, Argument<unknown>][]) {
    const allowed = SOURCE.Parameters[parameter]?.AllowedValues;
    if (!allowed) continue;
    const said = (sayable[prop] ?? [true, false]).map(text);
    assert.deepEqual(said.sort(), allowed.map(String).sort(), prop);
  }
});

for (const [what, props] of [
  ['created', () => ({ createMreTables: true })],
  ['named', namedResources],
  ['operated', operated],
] as const) {
  test(`every output is on the construct, of resources that are ${what}`, () => {
    const stack = new Stack(newApp(), 'Outputs');
    const construct = mediaExport(stack, props(stack));
    const { template } = synthesise(stack);
    assert.deepEqual(Object.keys(OUTPUTS).sort(), Object.keys(SOURCE.Outputs).sort());
    for (const [output, property] of Object.entries(OUTPUTS)) {
      const value = asReference(stack.resolve(property(construct)));
      assert.deepEqual(value, asReference(template.Outputs[output]?.Value), output);
    }
  });
}

/** A function's Ref is its name, and what identifies it on the construct its ARN. */
function asReference(value: unknown): unknown {
  const attribute = (value as { 'Fn::GetAtt'?: string | string[] } | undefined)?.['Fn::GetAtt'];
  const [logicalId, name] = typeof attribute === 'string' ? attribute.split('.') : (attribute ?? []);
  return name === 'Arn' ? { Ref: logicalId } : logicalId ? `${logicalId}.${name}` : value;
}

test('existing resources may be in the same stack, in another, or a parameter', () => {
  const app = newApp();
  const other = new Stack(app, 'Other');
  const stack = new Stack(app, 'Existing');
  const tables = MRE_TABLES.map(prop => {
    const table = new Table(prop === 'eventTable' ? stack : other, prop, { partitionKey: { name: 'PK', type: AttributeType.STRING } });
    return [prop, table];
  });
  const sourceBucket = new Bucket(other, 'Source');
  const mreMediaBucket = new Bucket(stack, 'Media');
  const exportBucket = Bucket.fromBucketName(stack, 'Export', new CfnParameter(stack, 'ExportName').valueAsString);
  const clipMemoryMb = new CfnParameter(stack, 'Memory', { type: 'Number', default: 2048 }).valueAsNumber;
  const construct = mediaExport(stack, {
    ...Object.fromEntries(tables),
    ...{ sourceBucket, exportBucket, mreMediaBucket, clipMemoryMb, previewUrls: true },
    tenantSourceBuckets: [sourceBucket, mreMediaBucket],
  });
  const { template } = synthesise(stack);

  assert.deepEqual(Object.keys(template.Resources).filter(name => /^Mre|SourceBucket|ExportBucket/.test(name)), []);
  const reads = JSON.stringify(['ReachObjects', 'ReadTenantSources', 'ReadMreReplays'].map(name => template.Resources[name]));
  for (const reference of ['"Fn::ImportValue":"Other:ExportsOutputRefSource', '"Ref":"Media', '"Ref":"ExportName"']) {
    assert.ok(reads.includes(reference), reference);
  }
  assert.deepEqual(template.Resources['MediaExportClipWorker']?.Properties?.['MemorySize'], { Ref: 'Memory' });
  assert.equal(construct.sourceBucket, sourceBucket);
  assert.deepEqual(new AwsSolutionsChecks().validateScope(construct).violations, []);
});

test('no parameter of the template is left', () => {
  const stack = new Stack(newApp(), 'Parameters');
  mediaExport(stack, { ...namedResources(stack), alarmEmail: 'a@example.com' });
  const { Parameters, Rules, Resources, ...others } = synthesise(stack).template;
  assert.deepEqual([Object.keys(Parameters), Object.keys(Rules)], [['BootstrapVersion'], ['CheckBootstrapVersion']]);
  const text = JSON.stringify([Resources, others]);
  const referred = [...text.matchAll(/\{"Ref":"(\w+)"\}/g)].map(each => each[1] ?? '');
  assert.deepEqual(referred.filter(name => !(name in Resources)), []);
});

test('values that the template does not allow are refused', () => {
  const refused = (props: MediaExportProps, message: RegExp) =>
    assert.throws(() => mediaExport(new Stack(newApp(), 'Refused'), { createMreTables: true, ...props }), message);
  refused({ clipRetentionDays: 3 }, /clipRetentionDays is '3', but must be 0 \(keep for ever\), or at least 15 days/);
  refused({ clipConcurrency: 1 }, /clipConcurrency is '1', but must be at least 2/);
  refused({ clipMemoryMb: 20_000 }, /clipMemoryMb is '20000', but must be at most 10240/);
  refused({ coalesceSeconds: 0.5 }, /coalesceSeconds is '0.5', but must be a whole number/);
  refused({ logRetentionDays: RetentionDays.INFINITE }, /logRetentionDays is '9999', but must be one of 1, 3/);
  refused({ defaultTenant: 'a b' }, /defaultTenant is 'a b', but must be as/);
  refused({ authMode: 'none' }, /AuthMode none needs a DefaultTenant/);
  refused({ previewUrls: true }, /PreviewUrls needs MreMediaBucketName/);
  refused({ domainName: 'clips.example.com' }, /DomainName and DomainCertificateArn need each other/);
  refused({ tracing: Tracing.DISABLED }, /tracing is 'Disabled', but must be one of PassThrough, Active/);
  refused({ createMreTables: false }, /Name all eight tables/);
});

test('one table of Media Replay Engine that is not named is refused', () => {
  const stack = new Stack(newApp(), 'Seven');
  assert.throws(() => mediaExport(stack, { ...namedResources(stack), modelTable: undefined }), /Name all eight tables/);
});

test('subnets without security groups are refused, and a hosted zone without a domain', () => {
  const { vpcSubnets, vpcSecurityGroups, hostedZone, domainCertificate } = operated(new Stack(newApp(), 'Half'));
  for (const [props, message] of [
    [{ vpcSubnets }, /VpcSubnetIds and VpcSecurityGroupIds need each other/],
    [{ vpcSecurityGroups }, /VpcSubnetIds and VpcSecurityGroupIds need each other/],
    [{ domainCertificate }, /DomainName and DomainCertificateArn need each other/],
    [{ hostedZone }, /HostedZoneId needs a DomainName/],
  ] as [MediaExportProps, RegExp][]) {
    assert.throws(() => mediaExport(new Stack(newApp(), 'Refused'), { createMreTables: true, ...props }), message);
  }
});

test('a key, a domain and a VPC reach every resource that can have them', () => {
  const stack = new Stack(newApp(), 'Operated');
  const props = operated(stack);
  const construct = mediaExport(stack, props);
  const { Resources, Globals } = synthesise(stack).template;
  const key = props.kmsKey?.keyArn ?? '';
  const kept = Object.entries(Resources).filter(([, { Type }]) =>
    /^AWS::(DynamoDB::Table|S3::Bucket|SQS::Queue|SNS::Topic|Logs::LogGroup)$/.test(Type ?? ''));
  assert.ok(kept.length > 25);
  assert.deepEqual(kept.filter(([, each]) => !JSON.stringify(each).includes(key)).map(([name]) => name), []);
  const { KmsKeyArn, VpcConfig, Tracing: tracing } = (Globals as { Function: Record<string, unknown> }).Function;
  assert.deepEqual([KmsKeyArn, tracing], [key, 'Active']);
  assert.deepEqual(VpcConfig, { SubnetIds: ['subnet-0a', 'subnet-0b'], SecurityGroupIds: ['sg-0a'] });
  assert.deepEqual(stack.resolve(construct.apiUrl), { 'Fn::Sub': 'https://${ApiDomain}' });
});

test('buckets, keys and a boundary of tenants reach the roles', () => {
  const stack = new Stack(newApp(), 'Tenants');
  mediaExport(stack, { createMreTables: true, ...tenantBuckets(stack) });
  const { Resources } = synthesise(stack).template;
  for (const [policy, arn] of [['ListTenantSources', 'acme-live-*'], ['DeliverTenantClips', 'acme-clips-*'], ['ReachObjects', '1234567890ac']]) {
    assert.ok(JSON.stringify(Resources[policy!]).includes(arn!), policy);
  }
  const roles = Object.values(Resources).filter(each => each.Type === 'AWS::IAM::Role');
  assert.deepEqual([...new Set(roles.map(each => each.Properties?.['PermissionsBoundary']))], ['arn:aws:iam::123456789012:policy/bound']);
});

test('the media half alone needs no table of Media Replay Engine', () => {
  const stack = new Stack(newApp(), 'Media');
  const construct = mediaExport(stack, { dataExport: false });
  const { template } = synthesise(stack);
  assert.deepEqual(Object.keys(template.Resources).filter(name => /^(DataExport|EventExport|ReplayExport|Mre|ReadMre)/.test(name)), []);
  for (const [output, property] of Object.entries(OUTPUTS)) {
    assert.equal(property(construct) === undefined, !(output in template.Outputs), output);
  }
});

test('a VPC may be made in the same stack', () => {
  const stack = new Stack(newApp(), 'OwnVpc');
  const vpc = new Vpc(stack, 'Vpc', { natGateways: 0 });
  const vpcSecurityGroups = [new SecurityGroup(stack, 'Group', { vpc })];
  mediaExport(stack, { createMreTables: true, vpcSubnets: vpc.isolatedSubnets, vpcSecurityGroups, kmsKey: new Key(stack, 'Key') });
  const { Globals } = synthesise(stack).template;
  assert.match(JSON.stringify(Globals), /"Fn::Split":\[",",\{"Fn::Join":/);
});

test('a function can be given further rights', () => {
  const stack = new Stack(newApp(), 'Rights');
  const construct = mediaExport(stack);
  new Bucket(stack, 'Logos').grantRead(construct.mediaExportClipWorkerFunction);
  const policies = Object.values(synthesise(stack).template.Resources).filter(each => each.Type === 'AWS::IAM::Policy');
  assert.equal(policies.length, 1);
  assert.match(JSON.stringify(policies[0]?.Properties?.['Roles']), /MediaExportClipWorkerRole/);
});

test('a stack holds one, an app many', () => {
  const app = newApp();
  const first = new Stack(app, 'First');
  mediaExport(first);
  assert.throws(() => new MediaExport(first, 'Again', { checkout: CHECKOUT }), /First has one already/);

  const second = mediaExport(new Stack(app, 'Second'));
  new CfnOutput(first, 'Queue', { value: second.clipQueue.queueArn });
  assert.match(JSON.stringify(synthesise(first).template.Outputs['Queue']), /Second:ExportsOutput/);
});

test('a nested stack is refused', () => {
  const nested = new NestedStack(new Stack(newApp(), 'Outer'), 'Inner');
  assert.throws(() => mediaExport(nested), /a NestedStack cannot hold one/);
});

test('what is missing in the checkout is named', () => {
  const folder = placeholderCheckout();
  after(() => rmSync(folder, { recursive: true }));
  rmSync(path.join(folder, 'target/layer/ffmpeg.zip'));
  rmSync(path.join(folder, 'target/lambda/status-poll'), { recursive: true });
  const construct = (checkout: string) => new MediaExport(new Stack(newApp(), 'S'), 'M', { checkout, createMreTables: true });
  assert.throws(
    () => construct(folder),
    /target\/lambda\/status-poll\/bootstrap.zip, target\/layer\/ffmpeg.zip missing; run `make build layer` in /,
  );
  assert.throws(() => construct(path.join(folder, 'elsewhere')), /set `checkout` to the folder of a Media Export checkout/);
});

test('cdk-nag has no finding that is not acknowledged, and none is acknowledged in vain', () => {
  const findings = [false, true].flatMap(tenantCredentials => {
    const stack = new Stack(newApp(), 'Nag');
    const construct = mediaExport(stack, { ...operated(stack), ...tenantBuckets(stack), tenantCredentials, fanOut: true });
    const { folder } = synthesise(stack);
    assert.deepEqual(new AwsSolutionsChecks().validateScope(construct).violations, []);

    const plain = new Stack(newApp(), 'Plain');
    new CfnInclude(plain, 'Template', { templateFile: path.join(folder, stack.templateFile) });
    return new AwsSolutionsChecks().validateScope(plain).violations.flatMap(({ ruleName, violatingResources }) =>
      violatingResources.map(each => `${path.basename(each.constructPath ?? '')} ${ruleName.replace(/\[.*/, '')}`),
    );
  });
  const acknowledged = Object.entries(ACKNOWLEDGED).flatMap(([logicalId, rules]) =>
    Object.keys(rules).map(rule => `${logicalId} ${rule.replace(/\[.*/, '')}`),
  );
  assert.deepEqual([...new Set(findings)].sort(), [...new Set(acknowledged)].sort());
});

test('cdk-nag finds a resource that an integrator adds or opens', () => {
  const stack = new Stack(newApp(), 'Opened');
  const construct = mediaExport(stack);
  new Bucket(stack, 'Open');
  construct.template.getResource('WorkOnJobs').addPropertyOverride('PolicyDocument', {});
  (construct.template.getResource('ReadMreReplays') as unknown as { policyDocument: unknown }).policyDocument = {
    Statement: [{ Effect: 'Allow', Action: 's3:*', Resource: '*' }],
  };
  synthesise(stack);
  const rules = new AwsSolutionsChecks().validateScope(stack).violations.map(each => each.ruleName);
  assert.deepEqual(rules.sort(), [
    'AwsSolutions-IAM5[Action::s3:*]', 'AwsSolutions-IAM5[Resource::*]', 'AwsSolutions-S1', 'AwsSolutions-S10',
  ]);
});

test('the example app takes its context', () => {
  const tables = Object.fromEntries(MRE_TABLES.map(prop => [prop, `mre-${prop}`]));
  const outdir = path.join(CHECKOUT, 'cdk.out');
  const settings = { checkout: CHECKOUT, stackName: 'replays', sourceBucket: 'recordings', architecture: 'x86_64', mreTables: tables };
  execFileSync(process.execPath, [path.join(PACKAGE, 'dist/bin/media-export.js')], {
    env: { ...process.env, CDK_OUTDIR: outdir, CDK_CONTEXT_JSON: JSON.stringify(settings), CDK_VALIDATION: 'false' },
    stdio: 'pipe',
  });
  const template = JSON.parse(readFileSync(path.join(outdir, 'replays.template.json'), 'utf8'));
  const { Environment, Architectures } = template.Resources.StatusPoll.Properties;
  assert.equal(Environment.Variables.JOBS_TABLE_NAME.Ref, 'JobsTable');
  assert.deepEqual(Architectures ?? template.Globals.Function.Architectures, ['x86_64']);
  assert.equal(template.Resources.EventExport.Properties.Environment.Variables.EVENT_TABLE_NAME, 'mre-eventTable');
});
