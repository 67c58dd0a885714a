import { Stack, Validations } from 'aws-cdk-lib';
import { CfnManagedPolicy, CfnRole } from 'aws-cdk-lib/aws-iam';
import type { Construct, IConstruct } from 'constructs';
import type { MediaExport } from './media-export';

const ACCESS_LOGS = 'Access logs need a bucket of their own; who audits reads turns on CloudTrail data events for these buckets.';
const DEAD_LETTERS = 'Is the dead-letter queue of another one, and watched by an alarm.';
const EXECUTIONS = 'Executions come and go below their state machine.';
const HISTORY = 'Step Functions keeps the history of each execution for 90 days.';
const TRACED = 'The functions that it runs are traced.';
const MRE_TABLES = "Only for trials without a Media Replay Engine; holds no one's data.";
const OBJECTS = 'Objects come and go below a prefix; IAM has no other name for them.';
const PREFIX = 'Who gives the construct the beginning of buckets\' names means all of them.';
const NAMES_DIRECTORIES = 'Opens nothing. Another value would give a repeated request another directory.';
const SESSION = 'The function itself asks for a valid SessionId, as the TVU contract has it; see `authMode`.';

/** Stands for cdk-nag's findings on resources that end in a wildcard; their full names hold the resources. */
const BELOW = 'AwsSolutions-IAM5[Resource::/*]';

/** AWS's own policies for functions in a VPC, and for functions that X-Ray samples. */
const MANAGED = Object.fromEntries(
  ['service-role/AWSLambdaVPCAccessExecutionRole', 'AWSXRayDaemonWriteAccess'].map(policy => [
    `AwsSolutions-IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/${policy}]`,
    'What a function needs for this, in the words of AWS, who keep it up to date.',
  ]),
);

/** What cdk-nag's AwsSolutions finds and is as intended, by logical id. */
export const ACKNOWLEDGED: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  SourceBucket: { 'AwsSolutions-S1': ACCESS_LOGS },
  ExportBucket: { 'AwsSolutions-S1': ACCESS_LOGS },
  DirectoryKey: { 'AwsSolutions-SMG4': NAMES_DIRECTORIES },
  ClipDeadLetterQueue: { 'AwsSolutions-SQS3': DEAD_LETTERS },
  BulkDeadLetterQueue: { 'AwsSolutions-SQS3': DEAD_LETTERS },
  ThumbnailDeadLetterQueue: { 'AwsSolutions-SQS3': DEAD_LETTERS },
  DataExportDeadLetterQueue: { 'AwsSolutions-SQS3': DEAD_LETTERS },
  MediaExportSubmitRole: { ...MANAGED },
  ExportBatchRole: { ...MANAGED },
  StatusPollRole: { ...MANAGED },
  MediaReadRole: { ...MANAGED, [BELOW]: OBJECTS },
  RecordingsRole: { ...MANAGED, [BELOW]: OBJECTS },
  MediaExportClipWorkerRole: { ...MANAGED, [BELOW]: OBJECTS },
  MediaExportBulkWorkerRole: { ...MANAGED, [BELOW]: OBJECTS },
  MediaExportChunkWorkerRole: { ...MANAGED, [BELOW]: OBJECTS },
  ChunkMachine: { 'AwsSolutions-SF1': HISTORY, 'AwsSolutions-SF2': TRACED },
  ChunkMachineRole: { [BELOW]: EXECUTIONS },
  MediaExportThumbnailWorkerRole: { ...MANAGED },
  JobSweeperRole: { ...MANAGED },
  EventExportRole: { ...MANAGED },
  ReplayExportRole: { ...MANAGED },
  DataExportWorkerRole: { ...MANAGED, [BELOW]: OBJECTS },
  DataRole: { [BELOW]: OBJECTS },
  ReachObjects: { [BELOW]: OBJECTS },
  ListTenantSources: { [BELOW]: PREFIX },
  ReadTenantSources: { [BELOW]: OBJECTS },
  ListTenantTargets: { [BELOW]: PREFIX },
  DeliverTenantStills: { [BELOW]: OBJECTS },
  DeliverTenantClips: { [BELOW]: OBJECTS },
  ReadTenantTargets: { [BELOW]: OBJECTS },
  ReadMreEvents: { [BELOW]: OBJECTS },
  ReadMreSegments: { [BELOW]: OBJECTS },
  ReadMreReplays: { [BELOW]: OBJECTS },
  KeepDocuments: { [BELOW]: OBJECTS },
  LendDocuments: { [BELOW]: OBJECTS },
  SubmitRoute: { 'AwsSolutions-APIG4': SESSION },
  StatusGetRoute: { 'AwsSolutions-APIG4': SESSION },
  StatusCancelRoute: { 'AwsSolutions-APIG4': SESSION },
  StatusPostRoute: { 'AwsSolutions-APIG4': SESSION },
  StatusListRoute: { 'AwsSolutions-APIG4': SESSION },
  JobListRoute: { 'AwsSolutions-APIG4': SESSION },
  JobGetRoute: { 'AwsSolutions-APIG4': SESSION },
  JobDeleteRoute: { 'AwsSolutions-APIG4': SESSION },
  JobEditRoute: { 'AwsSolutions-APIG4': SESSION },
  VersionRoute: { 'AwsSolutions-APIG4': SESSION },
  JobFilesRoute: { 'AwsSolutions-APIG4': SESSION },
  JobVideoRoute: { 'AwsSolutions-APIG4': SESSION },
  JobPlayRoute: { 'AwsSolutions-APIG4': SESSION },
  BatchSubmitRoute: { 'AwsSolutions-APIG4': SESSION },
  BatchListRoute: { 'AwsSolutions-APIG4': SESSION },
  BatchGetRoute: { 'AwsSolutions-APIG4': SESSION },
  BatchCancelRoute: { 'AwsSolutions-APIG4': SESSION },
  RecordingListRoute: { 'AwsSolutions-APIG4': SESSION },
  RecordingGetRoute: { 'AwsSolutions-APIG4': SESSION },
  PlanRoute: { 'AwsSolutions-APIG4': SESSION },
  MreEventTable: { 'AwsSolutions-DDB3': MRE_TABLES },
  MrePluginTable: { 'AwsSolutions-DDB3': MRE_TABLES },
  MreProfileTable: { 'AwsSolutions-DDB3': MRE_TABLES },
  MreModelTable: { 'AwsSolutions-DDB3': MRE_TABLES },
  MrePluginResultTable: { 'AwsSolutions-DDB3': MRE_TABLES },
  MreClipReviewFeedbackTable: { 'AwsSolutions-DDB3': MRE_TABLES },
  MreReplayRequestTable: { 'AwsSolutions-DDB3': MRE_TABLES },
  MreReplayResultTable: { 'AwsSolutions-DDB3': MRE_TABLES },
};

/** Tells the checkers of the app what is as intended. */
export function acknowledge(construct: MediaExport): void {
  // Only as the app is synthesised is it known what references between stacks have become.
  construct.node.addValidation({
    validate: () => {
      for (const [logicalId, findings] of Object.entries(ACKNOWLEDGED)) {
        const resource = construct.template.node.tryFindChild(logicalId);
        if (resource) acknowledgeAt(resource, inFull(resource, findings));
      }
      return [];
    },
  });
}

function acknowledgeAt(scope: Construct, findings: Readonly<Record<string, string>>): void {
  for (const [id, reason] of Object.entries(findings)) Validations.of(scope).acknowledge({ id, reason });
}

function inFull(resource: IConstruct, findings: Readonly<Record<string, string>>): Record<string, string> {
  const { [BELOW]: reason, ...others } = findings;
  if (reason === undefined) return others;
  const statements = policyDocuments(resource).flatMap(document => document.Statement);
  const resources = statements.flatMap(statement => statement.Resource ?? []).map(nameInFindings);
  const wildcards = resources.filter(each => /[/:]\*|:::[\w.-]{3,}\*/.test(each));
  return { ...others, ...Object.fromEntries(wildcards.map(each => [`AwsSolutions-IAM5[Resource::${each}]`, reason])) };
}

function policyDocuments(resource: IConstruct): { Statement: { Resource?: unknown }[] }[] {
  const resolved = (value: unknown) => Stack.of(resource).resolve(value);
  if (resource instanceof CfnManagedPolicy) return [resolved(resource.policyDocument)];
  if (resource instanceof CfnRole) return resolved(resource.policies).map((each: CfnRole.PolicyProperty) => each.policyDocument);
  return [];
}

/** A resource as cdk-nag writes it. */
function nameInFindings(resource: unknown): string {
  const sub = (resource as { 'Fn::Sub'?: unknown })['Fn::Sub'] ?? resource;
  return typeof sub === 'string' ? sub.replaceAll('${', '<').replaceAll('}', '>') : JSON.stringify(sub);
}
