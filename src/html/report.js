// The report that lies in the page (src/cli/html_data.cpp), and what its lists say by memory and figure.

export const GROUPS = [
  { id: 'host', label: 'Host heap', memories: ['host'] },
  { id: 'mmap', label: 'Mappings', memories: ['mmap'] },
  { id: 'device', label: 'Device', memories: ['device', 'async', 'graph', 'vmm', 'array'] },
  { id: 'pinned', label: 'Pinned', memories: ['pinned'] },
  { id: 'managed', label: 'Managed', memories: ['managed'] },
  { id: 'other', label: 'Other CUDA', memories: [] },
];

export const groupOf = (memory) => GROUPS.find((group) => group.memories.includes(memory)) ?? GROUPS.at(-1);

const LOST = ['definite', 'indirect', 'possible'];

// What a leak is to the reader: its class, unless it is named as no matter.
export const CLASSES = [
  { id: 'definite', label: 'definite', about: 'lost: no pointer to it is left' },
  { id: 'indirect', label: 'indirect', about: 'lost: only lost blocks lead to it' },
  { id: 'possible', label: 'possible', about: 'only pointers to its middle are left' },
  { id: 'reachable', label: 'reachable', about: 'the program could still free it' },
  { id: 'live', label: 'live', about: 'not told apart' },
  { id: 'suppressed', label: 'suppressed', about: 'named by a suppression' },
  { id: 'runtime', label: 'runtime', about: 'kept until exit by design' },
  { id: 'framework', label: 'framework cache', about: "in a framework's own cache, in use or idle" },
];

// Each figure of a flame graph: which rows of which list, and the columns of its bytes and counts.
export const metricsOf = ({ process: { moment }, processes }) => [
  { id: 'leaked', label: 'Leaked', list: 'leaks', bytes: 'bytes', count: 'count', noun: 'block',
    about: `lost and possibly lost ${moment}`, takes: (row) => LOST.includes(row.leakClass) },
  { id: 'live', label: `Live ${moment}`, list: 'leaks', bytes: 'bytes', count: 'count', noun: 'block',
    about: `still allocated ${moment}, reachable or not`, takes: () => true },
  { id: 'peak', label: 'Peak', list: 'peak', bytes: 'bytes', count: 'count', noun: 'block',
    about: `held when ${processes.length > 0 ? "each process's " : ''}live memory was highest`, takes: () => true },
  { id: 'total', label: 'Total', list: 'hot_sites', bytes: 'alloc_bytes', count: 'alloc_count', noun: 'allocation',
    about: 'allocated over the whole run, by the stacks with most; the others are summed up', takes: () => true },
  { id: 'temporary', label: 'Temporary', list: 'hot_sites', bytes: null, count: 'temporary_count', noun: 'allocation',
    about: "freed before its thread's next allocation, by the stacks with most; the others are summed up", takes: () => true },
];

const TEXT_COLUMNS = ['memory', 'kind', 'device', 'call', 'suppressed', 'runtime', 'framework_cache', 'reason'];

function classOf(row) {
  if (row.runtime) return 'runtime';
  if (row.framework_cache) return 'framework';
  return row.suppressed ? 'suppressed' : row.kind;
}

// Columns, texts as numbers -> objects.
function rowsOf(columns, texts) {
  const names = Object.keys(columns);
  return columns.node.map((_, i) => {
    const row = {};
    for (const name of names) row[name] = TEXT_COLUMNS.includes(name) ? texts[columns[name][i]] : columns[name][i];
    row.group = groupOf(row.memory).id;
    if (row.kind !== undefined) row.leakClass = classOf(row);
    return row;
  });
}

export function readReport(text) {
  const report = JSON.parse(text);
  for (const [name, columns] of Object.entries(report.lists)) report.lists[name] = rowsOf(columns, report.texts);
  report.stacks.texts = report.texts;
  return report;
}

// The units in which a metric counts, of those: 'bytes', 'count'.
export const unitsOf = (metric) => (metric.bytes ? ['bytes', 'count'] : ['count']);

export const rowsOfMetric = (report, metric) => report.lists[metric.list].filter(metric.takes);

// What the report or the page sums up instead of listing it: { group, value, stackCount (0: not known) }.
export function leftOutOf(report, metric, unit) {
  return metric.list === 'hot_sites' ? hotSitesLeftOut(report, metric, unit) : sumsOf(report, metric, unit);
}

function sumsOf(report, metric, unit) {
  return report.left_out
    .filter((sum) => sum.list === metric.list && metric.takes({ leakClass: sum.kind }))
    .map((sum) => ({ group: groupOf(sum.memory).id, value: sum[unit], stackCount: sum.stack_count }));
}

// The report lists the hottest only, but knows the sum of the host's.
function hotSitesLeftOut(report, metric, unit) {
  const whole = report.host.totals[unit === 'bytes' ? metric.bytes : metric.count];
  let listed = 0;
  for (const row of report.lists.hot_sites) listed += row.group === 'host' ? row[metric[unit]] : 0;
  const others = whole > listed ? [{ group: 'host', value: whole - listed, stackCount: 0 }] : []; // guard: hot-left-out
  if (metric.id !== 'total') return others; // of temporary ones no sum was kept
  return others.concat(sumsOf(report, metric, unit).filter(({ group }) => group !== 'host'));
}
