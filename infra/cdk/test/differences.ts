/** What `synthesised` has in other words than `source`, by path. */
export function differences(source: unknown, synthesised: unknown, at = ''): Record<string, unknown> {
  const [before, after] = [attributeAsList(source), attributeAsList(synthesised)];
  if (!isCollection(before) || !isCollection(after) || intrinsic(before) !== intrinsic(after)) {
    return before === after ? {} : { [at]: after ?? '(removed)' };
  }
  const keys = new Set([...Object.keys(before), ...Object.keys(after)]);
  return Object.assign({}, ...[...keys].map(key => differences(before[key], after[key], `${at}/${key}`)));
}

/** `Fn::GetAtt: A.B` means the same as `Fn::GetAtt: [A, B]`. */
function attributeAsList(value: unknown): unknown {
  if (!isCollection(value) || typeof value['Fn::GetAtt'] !== 'string') return value;
  return { 'Fn::GetAtt': value['Fn::GetAtt'].split('.') };
}

function intrinsic(value: Record<string, unknown>): string | undefined {
  return Object.keys(value).find(key => key === 'Ref' || key.startsWith('Fn::'));
}

function isCollection(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
