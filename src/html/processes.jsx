// The processes of a merged report: which they were, and what each had.
import { useMemo, useState } from 'preact/hooks';
import { humanCount, humanDuration } from './format.js';
import { Bytes, SearchField, Section } from './parts.jsx';
import { FIRST_ROWS, MoreRows, SortHead, sortRows } from './sorting.jsx';

export const isMerged = ({ processes }) => processes.length > 0;

const distinct = (values) => [...new Set(values)].filter((value) => value !== '');
const countText = (count) => `${humanCount(count)} ${count === 1 ? 'process' : 'processes'}`;

export const largestPeak = ({ processes }) => processes.reduce((most, { peak_bytes: bytes }) => Math.max(most, bytes), 0);

// 'rank 3, pid 4711, train'
export const nameOfProcess = ({ rank, pid, program }) => `${rank && `rank ${rank}, `}pid ${pid}, ${program}`;

// One that called exec has an entry for each program.
const countOf = (processes) => new Set(processes.map(({ host, pid }) => `${pid} ${host}`)).size;

// What the header says of them. command: '' where they had different ones.
export function factsOfJob({ processes }) {
  const programs = distinct(processes.map(({ program }) => program));
  const ranks = distinct(processes.map(({ rank }) => rank));
  const hosts = distinct(processes.map(({ host }) => host));
  const commands = new Set(processes.map(({ command }) => command));
  const count = countOf(processes);
  const longest = processes.reduce((most, { duration_ns: ns }) => Math.max(most, ns), 0);
  const start = distinct(processes.map((process) => process.start)).sort()[0];
  const parts = [
    `Merged report of ${countText(count)}${count < processes.length ? ` that ran ${humanCount(processes.length)} programs` : ''}`,
    ranks.length > 0 && `${humanCount(ranks.length)} ${ranks.length === 1 ? 'rank' : 'ranks'}`,
    `the longest took ${humanDuration(longest)}`,
    start && `the first started ${start.slice(0, 19).replace('T', ' ')} UTC`,
    hosts.length === 1 ? `on ${hosts[0]}` : hosts.length > 1 && `on ${humanCount(hosts.length)} hosts`,
  ];
  return {
    title: programs.length <= 3 ? programs.join(', ') : `${programs.slice(0, 3).join(', ')} and ${humanCount(programs.length - 3)} more programs`,
    facts: parts.filter(Boolean).join(', '),
    command: commands.size === 1 ? processes[0].command : '',
  };
}

const COLUMNS = [
  { id: 'rank', label: 'Rank', keyOf: (row) => row.order },
  { id: 'pid', label: 'Pid', keyOf: (row) => row.pid },
  { id: 'peak', label: 'Peak', descends: true, keyOf: (row) => row.peak_bytes },
  { id: 'live', label: 'Live', descends: true, keyOf: (row) => row.live_bytes },
  { id: 'definite', label: 'Definitely lost', descends: true, keyOf: (row) => row.definite_bytes },
  { id: 'program', label: 'Program', keyOf: (row) => row.program },
  { id: 'host', label: 'Host', keyOf: (row) => row.host },
  { id: 'end', label: 'End', keyOf: (row) => row.end },
];

// A column in which all have the same says nothing in each row.
function columnsOf(processes) {
  const has = { rank: processes.some(({ rank }) => rank !== ''), host: new Set(processes.map(({ host }) => host)).size > 1 };
  return COLUMNS.filter(({ id }) => has[id] ?? true);
}

const CELLS = {
  rank: (row) => row.rank || '–',
  pid: (row) => row.pid,
  peak: (row) => <Bytes value={row.peak_bytes} />,
  live: (row) => <Bytes value={row.live_bytes} />,
  definite: (row) => (row.definite_count > 0 ? <Bytes value={row.definite_bytes} /> : '–'),
  program: (row) => row.program,
  host: (row) => row.host,
  end: (row) => `${row.end} after ${humanDuration(row.duration_ns)}`,
};
const NUMBERS = ['rank', 'pid', 'peak', 'live', 'definite'];

function ProcessRow({ row, columns, hasCommand }) {
  return (
    <tr class="process-row">
      {columns.map(({ id, label }) => (
        <td key={id} class={`cell-${id} ${NUMBERS.includes(id) ? 'number' : ''}`}>
          <span class="narrow">{label} </span>{CELLS[id](row)}
          {id === 'program' && hasCommand && <span class="callers">{row.command}</span>}
        </td>
      ))}
    </tr>
  );
}

const textOf = (row) => [row.program, row.command, row.host, row.end, `rank ${row.rank}`, `pid ${row.pid}`].join('\n').toLowerCase();

export function Processes({ report }) {
  const { processes } = report;
  const rows = useMemo(() => processes.map((process, order) => ({ ...process, order, text: textOf(process) })), []);
  const columns = useMemo(() => columnsOf(processes), []);
  const [sort, setSort] = useState({ column: 'peak', descends: true });
  const [text, setText] = useState('');
  const [most, setMost] = useState(FIRST_ROWS);
  const shown = useMemo(() => sortRows(rows.filter((row) => row.text.includes(text.trim().toLowerCase())), columns, sort), [sort, text]);
  if (!isMerged(report)) return null;
  const { command } = factsOfJob(report);
  return (
    <Section
      id="processes" title="Processes"
      note="The host's heap, of each process. Its peak is its own, at its own time. Definitely lost has what suppressions excuse, too."
    >
      {rows.length > FIRST_ROWS && (
        <div class="controls">
          <SearchField id="process-filter" label="Program, rank or pid" onSearch={setText} />
          <p class="result" role="status" id="process-count">{countText(shown.length)}</p>
        </div>
      )}
      <table class="processes">
        <SortHead columns={columns} sort={sort} onSort={setSort} />
        <tbody>
          {shown.slice(0, most).map((row) => <ProcessRow key={row.order} row={row} columns={columns} hasCommand={command === ''} />)}
        </tbody>
      </table>
      <MoreRows count={shown.length} most={most} onMore={setMost} />
    </Section>
  );
}
