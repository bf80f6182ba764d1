// What was still allocated at the end or at a snapshot, by stack: sorted, filtered, each with its whole stack.
import { useMemo, useState } from 'preact/hooks';
import { humanBytes, humanCount, plural } from './format.js';
import { Bytes, SearchField, Section, StackList, Swatch } from './parts.jsx';
import { CLASSES, GROUPS } from './report.js';
import { FIRST_ROWS, MoreRows, SortHead, sortRows } from './sorting.jsx';

const labelOfGroup = (id) => GROUPS.find((group) => group.id === id).label;

const COLUMNS = [
  { id: 'bytes', label: 'Bytes', descends: true, keyOf: (row) => row.bytes },
  { id: 'count', label: 'Blocks', descends: true, keyOf: (row) => row.count },
  { id: 'leakClass', label: 'Class', keyOf: (row) => CLASSES.findIndex(({ id }) => id === row.leakClass) },
  { id: 'memory', label: 'Memory', keyOf: (row) => `${GROUPS.findIndex(({ id }) => id === row.group)} ${row.memory} ${row.device}` },
  { id: 'place', label: 'Allocated at', keyOf: (row) => row.name },
];

// 'lost' stands for what is a fault; a class for itself.
const LOST = ['definite', 'indirect', 'possible'];
const isOfClass = (row, wanted) => wanted === 'all' || (wanted === 'lost' ? LOST.includes(row.leakClass) : row.leakClass === wanted);

function classChoices(rows) {
  const choices = [
    { id: 'all', label: 'all' },
    { id: 'lost', label: 'lost or possibly lost' },
    ...CLASSES.map(({ id, label, about }) => ({ id, label: `${label} (${about})` })),
  ];
  return choices
    .map((choice) => ({ ...choice, count: rows.filter((row) => isOfClass(row, choice.id)).length }))
    .filter(({ id, count }) => id === 'all' || count > 0);
}

function LeakDetails({ row, stacks }) {
  const facts = [
    row.call && `given by ${row.call}`,
    row.taken_bytes > row.bytes && `taking ${humanBytes(row.taken_bytes)} with pitch and rounding`,
    row.indirect_count > 0 && `leading to ${humanBytes(row.indirect_bytes)} in ${plural(row.indirect_count, 'block')}`,
    row.reason,
    row.suppressed && `suppressed by ${row.suppressed}`,
    row.runtime && `runtime allocation: ${row.runtime}`,
    row.framework_cache && `framework cache: ${row.framework_cache}`,
  ].filter(Boolean);
  return (
    <>
      {facts.length > 0 && <p class="note">{facts.join('; ')}</p>}
      <StackList stacks={stacks} node={row.node} />
    </>
  );
}

function LeakRow({ row, stacks }) {
  const callers = useMemo(() => callersOf(row.node, stacks), []);
  const [isOpen, setOpen] = useState(false);
  const { about } = CLASSES.find(({ id }) => id === row.leakClass) ?? {};
  return (
    <>
      <tr class="leak">
        <td class="number cell-bytes"><Bytes value={row.bytes} /></td>
        <td class="number cell-count" data-label={row.count === 1 ? 'block' : 'blocks'}>{humanCount(row.count)}</td>
        <td class="cell-leakClass"><span class={`class class-${row.leakClass}`} title={about}>{row.leakClass}</span></td>
        <td class="cell-memory"><Swatch group={row.group} /> {row.memory}{row.device && ` ${row.device}`}</td>
        <td class="cell-place">
          <button type="button" class="open" aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}>
            <span aria-hidden="true" class="arrow">{isOpen ? '▾' : '▸'}</span> <b>{row.name}</b> <span class="place">{row.place}</span>
            {callers && <span class="callers">{callers}</span>}
          </button>
        </td>
      </tr>
      {isOpen && <tr class="details"><td colSpan={COLUMNS.length}><LeakDetails row={row} stacks={stacks} /></td></tr>}
    </>
  );
}

const CALLERS = 3;

// The next functions outwards: the innermost one is often a mere wrapper of malloc.
function callersOf(node, stacks) {
  const names = [];
  for (let caller = stacks.parent[node]; caller !== 0 && names.length < CALLERS; caller = stacks.parent[caller]) {
    names.push(` ← ${stacks.nameOf(stacks.line[caller])}`);
  }
  return names.join('');
}

function withPlaces(rows, stacks) {
  rows.forEach((row, i) => {
    row.id = i;
    const line = stacks.line[row.node];
    row.name = row.node === 0 ? '(the stack is not known)' : stacks.nameOf(line);
    row.place = row.node !== 0 && stacks.functionOf(line) ? stacks.placeOf(line) : '';
  });
  return rows;
}

export function Leaks({ report, stacks }) {
  const rows = useMemo(() => withPlaces(report.lists.leaks, stacks), []);
  const choices = useMemo(() => classChoices(rows), []);
  const [wanted, setWanted] = useState(choices.some(({ id }) => id === 'lost') ? 'lost' : 'all');
  const [sort, setSort] = useState({ column: 'bytes', descends: true });
  const [text, setText] = useState('');
  const [most, setMost] = useState(FIRST_ROWS);
  const shown = useMemo(() => {
    const matches = stacks.matchLines(text);
    const covered = matches && stacks.coveredNodes(matches);
    const wantedRows = rows.filter((row) => isOfClass(row, wanted) && (!covered || covered[row.node]));
    return sortRows(wantedRows, COLUMNS, sort, (row) => -row.bytes);
  }, [wanted, sort, text]);
  const title = `Still allocated ${report.process.moment}`;
  if (rows.length === 0) return <Section id="leaks" title={title}><p>Nothing was.</p></Section>;
  const bytes = shown.reduce((sum, row) => sum + row.bytes, 0);
  return (
    <Section id="leaks" title={title}>
      <div class="controls">
        {choices.length > 2 && (
          <label class="search" for="leak-class">
            <span>Class</span>
            <select id="leak-class" value={wanted} onChange={(event) => setWanted(event.currentTarget.value)}>
              {choices.map(({ id, label, count }) => <option key={id} value={id}>{label}: {humanCount(count)}</option>)}
            </select>
          </label>
        )}
        <SearchField id="leak-filter" label="Function or file" onSearch={setText} />
        <p class="result" role="status" id="leak-count">{plural(shown.length, 'place')}, <Bytes value={bytes} /></p>
      </div>
      <table class="leaks">
        <SortHead columns={COLUMNS} sort={sort} onSort={setSort} />
        <tbody>{shown.slice(0, most).map((row) => <LeakRow key={row.id} row={row} stacks={stacks} />)}</tbody>
      </table>
      <MoreRows count={shown.length} most={most} onMore={setMost} />
    </Section>
  );
}
