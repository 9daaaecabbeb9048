/**
 * Prometheus's text format 0.0.4, as OpenTelemetry's serializer writes it, as OpenMetrics 1.0.0. The differences: a
 * counter's family has no `_total`, quotes are escaped in help texts, there are no comments, and the text says where
 * it ends. Units are left out: OpenMetrics wants them in the names, and pg-boss's are not.
 */
export function openMetrics(text: string): string {
  const counters = new Set([...text.matchAll(/^# TYPE (\S+)_total counter$/gm)].map(([, family]) => family));
  const familyOf = (name: string) => {
    const family = name.replace(/_total$/, '');
    return counters.has(family) ? family : name;
  };
  const lines = text.split('\n').flatMap((line) => {
    const [, keyword, name = '', rest = ''] = /^# (HELP|TYPE) (\S+) (.*)$/.exec(line) ?? [];
    if (keyword === 'HELP') return `# HELP ${familyOf(name)} ${rest.replaceAll('"', String.raw`\"`)}`;
    if (keyword === 'TYPE') return `# TYPE ${familyOf(name)} ${rest === 'untyped' ? 'unknown' : rest}`;
    return line === '' || line.startsWith('#') ? [] : line;
  });
  return `${[...lines, '# EOF'].join('\n')}\n`;
}
