/** Return a check of query parameters: keep the named ones that are texts, and drop the rest. */
export function optional<const Name extends string>(...names: Name[]) {
  return (search: Record<string, unknown>): { [Key in Name]?: string } => {
    const kept: { [Key in Name]?: string } = {};
    for (const name of names) {
      const value = search[name];
      if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean')
        kept[name] = String(value);
    }
    return kept;
  };
}
