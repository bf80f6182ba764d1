// Where the memory was when the report was made: a bar and a row for the host, each device and page-locked memory.
import { percent } from './format.js';
import { Bytes, Section } from './parts.jsx';
import { isMerged } from './processes.jsx';

const KINDS = [
  { id: 'live', label: 'live', about: 'in the hands of the program' },
  { id: 'framework', label: 'framework cache', about: "in a framework's own cache, where it alone knows what is idle" },
  { id: 'cached', label: 'cached', about: 'idle in a pool' },
  { id: 'quarantine', label: 'quarantine', about: 'freed, but work queued before may still use it' },
  { id: 'fragments', label: 'fragments', about: 'what pages and rounding leave over' },
  { id: 'other', label: 'untracked', about: 'contexts, driver, other processes; on the host code, stacks and records of Weir' },
];

const groupOfRow = (name) => (name === 'host' || name === 'pinned' ? name : 'device');

function Bar({ row, longest }) {
  const parts = KINDS.filter(({ id }) => row[id] > 0);
  const label = parts.map(({ id, label }) => `${label} ${percent(row[id], sumOf(row))}`).join(', ');
  return (
    <div class="bar" role="img" aria-label={`${row.name}: ${label}`} style={{ width: `${Math.max((100 * sumOf(row)) / longest, 2)}%` }}>
      {parts.map(({ id, label }) => (
        <span
          key={id} class={`part part-${id} mem-${groupOfRow(row.name)}`} style={{ flexGrow: row[id] }}
          title={`${row.name}: ${label} ${percent(row[id], sumOf(row))}`}
        />
      ))}
    </div>
  );
}

// What is known to be in use; more than the kernel counts where pages are not touched yet.
const sumOf = (row) => KINDS.reduce((sum, { id }) => sum + row[id], 0);

function PoolLine({ pool }) {
  if (!pool.enabled) return <p class="note">The host's pool was off: the program's own malloc served.</p>;
  return (
    <p class="note">
      The host's pool: <Bytes value={pool.reserved_bytes} /> reserved, <Bytes value={pool.capacity_bytes} /> committed,{' '}
      <Bytes value={pool.active_bytes} /> active, <Bytes value={pool.cached_bytes} /> cached; fragmentation{' '}
      {percent(pool.fragmentation_ratio, 1)}.
    </p>
  );
}

export function Memory({ report }) {
  const rows = report.memory;
  const kinds = KINDS.filter(({ id }) => rows.some((row) => row[id] > 0));
  const longest = Math.max(...rows.map(sumOf), 1);
  return (
    <Section id="memory" title={`Where the memory was ${report.process.moment}`}>
      <table class="memory">
        <thead>
          <tr>
            <th scope="col">Memory</th>
            <th scope="col" class="number">in use</th>
            {kinds.map(({ id, label, about }) => (
              <th scope="col" key={id} class="number" title={about}><span class={`key part part-${id}`} aria-hidden="true" /> {label}</th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <>
              <tr key={row.name} class="with-bar">
                <th scope="row">{row.name}</th>
                <td class="number"><span class="narrow">in use </span><Bytes value={row.total} /></td>
                {kinds.map(({ id, label }) => (
                  <td key={id} class={`number ${row[id] > 0 ? '' : 'none'}`}>
                    <span class="narrow"><span class={`key part part-${id}`} aria-hidden="true" /> {label} </span>
                    {row[id] > 0 ? <Bytes value={row[id]} /> : '–'}
                  </td>
                ))}
              </tr>
              <tr key={`${row.name} bar`} class="bar-row"><td colSpan={kinds.length + 2}><Bar row={row} longest={longest} /></td></tr>
            </>
          ))}
        </tbody>
      </table>
      {isMerged(report) && (
        <p class="note">
          Sums of all processes: what they share, as libraries, counts in each. Of a device's untracked memory it is the most that a process saw.
        </p>
      )}
      <p class="note">{kinds.map(({ label, about }) => `${label}: ${about}`).join('. ')} (<Bytes value={report.host.metadata_bytes} />).</p>
      <PoolLine pool={report.host.pool} />
    </Section>
  );
}
