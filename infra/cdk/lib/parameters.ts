import { Token } from 'aws-cdk-lib';
import type { ITable } from 'aws-cdk-lib/aws-dynamodb';
import type { IBucket } from 'aws-cdk-lib/aws-s3';
import type { MediaExportParameters } from './props';
import { holds, type Parameter, type Template } from './template';

/** The parameter of the template that a prop stands for, and the text that it gives it. */
export interface Argument<T> {
  readonly parameter: string;
  text(value: T): string;
}

const text = (parameter: string): Argument<string> => ({ parameter, text: value => value });
const number = (parameter: string): Argument<number> => ({
  parameter,
  text: value => (Token.isUnresolved(value) ? Token.asString(value) : String(value)),
});
const flag = (parameter: string, on: string, off: string): Argument<boolean> => ({
  parameter,
  text: value => (value ? on : off),
});
const bucket = (parameter: string): Argument<IBucket> => ({ parameter, text: value => value.bucketName });
const joined = <T>(parameter: string, each: (value: T) => string): Argument<T[]> => ({
  parameter,
  text: value => value.map(each).join(','),
});
const table = (parameter: string): Argument<ITable> => ({ parameter, text: value => value.tableName });

/** Every prop's parameter. */
export const ARGUMENTS: { readonly [P in keyof MediaExportParameters]-?: Argument<NonNullable<MediaExportParameters[P]>> } = {
  authMode: text('AuthMode'),
  defaultTenant: text('DefaultTenant'),
  tenantCredentials: flag('TenantCredentials', 'on', 'off'),
  recordingsAccess: flag('RecordingsAccess', 'on', 'off'),
  downloadLinks: flag('DownloadLinks', 'on', 'off'),
  instantPlayback: flag('InstantPlayback', 'on', 'off'),
  playbackDomain: text('PlaybackDomain'),
  playbackKeyPairId: text('PlaybackKeyPairId'),
  playbackKeySecret: { parameter: 'PlaybackKeySecretArn', text: value => value.secretArn },
  playbackDistributionArn: text('PlaybackDistributionArn'),
  dataExportAuth: text('DataExportAuth'),
  dataExportJwtIssuer: text('DataExportJwtIssuer'),
  dataExportJwtAudience: text('DataExportJwtAudience'),
  requireTls: flag('RequireTls', 'true', 'false'),
  kmsKey: { parameter: 'KmsKeyArn', text: value => value.keyArn },
  domainName: text('DomainName'),
  domainCertificate: { parameter: 'DomainCertificateArn', text: value => value.certificateArn },
  hostedZone: { parameter: 'HostedZoneId', text: value => value.hostedZoneId },
  corsAllowOrigins: joined('CorsAllowOrigins', each => each),
  vpcSubnets: joined('VpcSubnetIds', each => each.subnetId),
  vpcSecurityGroups: joined('VpcSecurityGroupIds', each => each.securityGroupId),
  sourceBucket: bucket('SourceBucketName'),
  exportBucket: bucket('ExportBucketName'),
  tenantSourceBuckets: joined('TenantSourceBucketArns', each => each.bucketArn),
  tenantTargetBuckets: joined('TenantTargetBucketArns', each => each.bucketArn),
  tenantKeys: joined('TenantKeyArns', each => each.keyArn),
  clipRetentionDays: number('ClipRetentionDays'),
  maxDurationMs: number('MaxDurationMs'),
  maxAheadDays: number('MaxAheadDays'),
  maxBatchClips: number('MaxBatchClips'),
  maxBatchDurationMs: number('MaxBatchDurationMs'),
  maxWaitSeconds: number('MaxWaitSeconds'),
  clipConcurrency: number('ClipConcurrency'),
  bulkConcurrency: number('BulkConcurrency'),
  thumbnailConcurrency: number('ThumbnailConcurrency'),
  clipMemoryMb: number('ClipMemoryMb'),
  thumbnailMemoryMb: number('ThumbnailMemoryMb'),
  fanOut: flag('FanOut', 'on', 'off'),
  fanOutPerClip: number('FanOutPerClip'),
  fanOutConcurrency: number('FanOutConcurrency'),
  fanOutAbove: number('FanOutAbove'),
  apiRateLimit: number('ApiRateLimit'),
  apiBurstLimit: number('ApiBurstLimit'),
  statusRateLimit: number('StatusRateLimit'),
  statusBurstLimit: number('StatusBurstLimit'),
  submitConcurrency: number('SubmitConcurrency'),
  statusConcurrency: number('StatusConcurrency'),
  documentsConcurrency: number('DocumentsConcurrency'),
  reserveWorkers: flag('ReserveWorkers', 'on', 'off'),
  lenientJson: flag('LenientJson', 'on', 'off'),
  legacyHttp: flag('LegacyHttp', '200', ''),
  predictPaths: flag('PredictPaths', 'on', 'off'),
  logLevel: text('LogLevel'),
  logRetentionDays: number('LogRetentionDays'),
  architecture: { parameter: 'Architecture', text: value => value.name },
  ffmpegPath: text('FfmpegPath'),
  ffmpegCage: text('FfmpegCage'),
  completionBusName: text('CompletionBusName'),
  alarmEmail: text('AlarmEmail'),
  tracing: text('Tracing'),
  permissionsBoundary: { parameter: 'PermissionsBoundaryArn', text: value => value.managedPolicyArn },
  deletionProtection: flag('DeletionProtection', 'on', 'off'),
  dataExport: flag('DataExport', 'on', 'off'),
  createMreTables: flag('CreateMreTables', 'true', 'false'),
  eventTable: table('EventTableName'),
  pluginTable: table('PluginTableName'),
  profileTable: table('ProfileTableName'),
  modelTable: table('ModelTableName'),
  pluginResultTable: table('PluginResultTableName'),
  clipPreviewFeedbackTable: table('ClipPreviewFeedbackTableName'),
  replayRequestTable: table('ReplayRequestTableName'),
  replayResultTable: table('ReplayResultTableName'),
  eventBus: { parameter: 'EventBusName', text: value => value.eventBusName },
  exportOutputBucket: bucket('ExportOutputBucketName'),
  exportRule: flag('ExportRule', 'ENABLED', 'DISABLED'),
  coalesceSeconds: number('CoalesceSeconds'),
  eventEntryBytes: number('EventEntryBytes'),
  previewUrls: flag('PreviewUrls', 'on', 'off'),
  mreMediaBucket: bucket('MreMediaBucketName'),
};

/** A value of every parameter: what the props say, else the template's default. */
export function parameterValues(props: MediaExportParameters, template: Template): Record<string, string> {
  const values = Object.fromEntries(
    Object.entries(template.Parameters).map(([name, parameter]) => [name, String(parameter.Default ?? '')]),
  );
  for (const [prop, argument] of Object.entries(ARGUMENTS) as [keyof MediaExportParameters, Argument<unknown>][]) {
    const parameter = template.Parameters[argument.parameter];
    if (!parameter) throw new Error(`MediaExport: the template has no parameter ${argument.parameter}`);
    if (props[prop] === undefined) continue;
    const value = argument.text(props[prop]);
    const demand = Token.isUnresolved(props[prop]) || Token.isUnresolved(value) ? undefined : unmetDemand(value, parameter);
    if (demand) throw new Error(`MediaExport: ${prop} is '${value}', but must be ${demand}`);
    values[argument.parameter] = value;
  }
  return values;
}

function unmetDemand(value: string, parameter: Parameter): string | undefined {
  const { AllowedValues, AllowedPattern, MinValue, MaxValue } = parameter;
  if (AllowedValues && !AllowedValues.map(String).includes(value)) return `one of ${AllowedValues.join(', ')}`;
  if (AllowedPattern && !new RegExp(AllowedPattern).test(value)) {
    return parameter.ConstraintDescription ?? `as ${AllowedPattern}`;
  }
  if (parameter.Type === 'Number' && !Number.isInteger(Number(value))) return 'a whole number';
  if (MinValue !== undefined && Number(value) < MinValue) return `at least ${MinValue}`;
  if (MaxValue !== undefined && Number(value) > MaxValue) return `at most ${MaxValue}`;
  return undefined;
}

/** What the template's rules object to. */
export function brokenRules(template: Template, values: Record<string, string>): string[] {
  const judge = (expression: unknown) => holds(expression, template.Conditions, values);
  return Object.values(template.Rules)
    .filter(rule => rule.RuleCondition === undefined || judge(rule.RuleCondition))
    .flatMap(rule => rule.Assertions.filter(each => !judge(each.Assert)).map(each => each.AssertDescription));
}
