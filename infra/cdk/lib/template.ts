import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import * as path from 'node:path';
import { parse, type CollectionTag, type ScalarTag } from 'yaml';

/** A parameter of a template, and what its values are held to. */
export interface Parameter {
  readonly Type: string;
  readonly Default?: string | number;
  readonly AllowedValues?: (string | number)[];
  readonly AllowedPattern?: string;
  readonly ConstraintDescription?: string;
  readonly MinValue?: number;
  readonly MaxValue?: number;
}

/** A rule over the parameters of a template. */
export interface Rule {
  readonly RuleCondition?: unknown;
  readonly Assertions: { readonly Assert: unknown; readonly AssertDescription: string }[];
}

/** A resource or an output. */
export interface Element {
  readonly Type?: string;
  readonly Condition?: string;
  readonly Properties?: Record<string, unknown>;
  readonly Value?: unknown;
}

/** A template, with intrinsic functions in their long form. */
export interface Template {
  readonly Metadata?: unknown;
  readonly Parameters: Record<string, Parameter>;
  readonly Rules: Record<string, Rule>;
  readonly Conditions: Record<string, unknown>;
  readonly Globals?: unknown;
  readonly Resources: Record<string, Element>;
  readonly Outputs: Record<string, Element>;
}

const SHORT_FORMS = [
  'And', 'Base64', 'Cidr', 'Condition', 'Contains', 'Equals', 'FindInMap', 'GetAtt', 'GetAZs', 'If', 'ImportValue', 'Join', 'Not',
  'Or', 'Ref', 'Select', 'Split', 'Sub',
];

/** Reads a template, also with CloudFormation's short forms of intrinsic functions. */
export function readTemplate(file: string): Template {
  const customTags = SHORT_FORMS.flatMap(tags);
  return { Rules: {}, Conditions: {}, ...parse(readFileSync(file, 'utf8'), { customTags }) };
}

function tags(name: string): (ScalarTag | CollectionTag)[] {
  const tag = `!${name}`;
  const long = name === 'Ref' || name === 'Condition' ? name : `Fn::${name}`;
  return [
    { tag, resolve: value => ({ [long]: value }) },
    { tag, collection: 'seq', resolve: value => ({ [long]: value.toJSON() }) },
    { tag, collection: 'map', resolve: value => ({ [long]: value.toJSON() }) },
  ];
}

/**
 * The template with all that is decided once its parameters have these values: without rules, conditions and branches not taken, and
 * without the layout of a form for parameters that nobody is asked for.
 */
export function decided(template: Template, values: Record<string, string>): Pick<Template, 'Resources'> & Partial<Template> {
  const { Metadata, Rules, Conditions, Globals, ...rest } = template;
  const held = (condition: string) => holds({ Condition: condition }, Conditions, values);
  const elements = (all: Record<string, Element>) =>
    Object.fromEntries(
      Object.entries(all)
        .filter(([, { Condition }]) => Condition === undefined || held(Condition))
        .map(([name, { Condition, ...element }]) => [name, withoutBranches(element, held)]),
    ) as Record<string, Element>;
  return {
    ...rest,
    Globals: withoutBranches(Globals, held),
    Resources: elements(template.Resources),
    Outputs: elements(template.Outputs),
  };
}

/** Has the template in a file while `use` runs. */
export function inFile<T>(template: Partial<Template>, use: (file: string) => T): T {
  const folder = mkdtempSync(path.join(tmpdir(), 'media-export-'));
  try {
    const file = path.join(folder, 'template.json');
    writeFileSync(file, JSON.stringify(template));
    return use(file);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function withoutBranches(value: unknown, held: (condition: string) => boolean): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if ('Fn::If' in value) {
    const [condition, then, otherwise] = value['Fn::If'] as [string, unknown, unknown];
    return withoutBranches(held(condition) ? then : otherwise, held);
  }
  const entries = Object.entries(value)
    .map(([key, each]) => [key, withoutBranches(each, held)] as const)
    .filter(([, each]) => (each as { Ref?: unknown } | null)?.Ref !== 'AWS::NoValue');
  return Array.isArray(value) ? entries.map(([, each]) => each) : Object.fromEntries(entries);
}

/**
 * Whether a condition or an assertion holds for these values of all parameters. A name that only the deployment knows is a token, and
 * is not empty.
 */
export function holds(expression: unknown, conditions: Record<string, unknown>, values: Record<string, string>): boolean {
  const [intrinsic, operand] = Object.entries(expression as object)[0] ?? [];
  const value = (each: unknown) => valueOf(each, values);
  const nested = (each: unknown) => holds(each, conditions, values);
  switch (intrinsic) {
    case 'Condition':
      return nested(conditions[operand]);
    case 'Fn::Equals':
      return value(operand[0]) === value(operand[1]);
    case 'Fn::Contains':
      return operand[0].map(value).includes(value(operand[1]));
    case 'Fn::Not':
      return !nested(operand[0]);
    case 'Fn::And':
      return operand.every(nested);
    case 'Fn::Or':
      return operand.some(nested);
    default:
      throw new Error(`MediaExport cannot evaluate ${JSON.stringify(expression)}`);
  }
}

function valueOf(operand: unknown, values: Record<string, string>): string {
  if (typeof operand === 'string') return operand;
  const value = values[(operand as { Ref: string }).Ref];
  if (value === undefined) throw new Error(`MediaExport does not know the value of ${JSON.stringify(operand)}`);
  return value;
}
