// The figures that answer most questions, and what holds for all of them.
import { humanBytes, humanCount, humanDuration, percent, plural } from './format.js';
import { Bytes } from './parts.jsx';
import { isMerged, largestPeak } from './processes.jsx';

const sumOf = (rows, key) => rows.reduce((sum, row) => sum + row[key], 0);

function Card({ label, state, value, children }) {
  return (
    <div class={`card ${state ?? ''}`}>
      <dt>{label}</dt>
      <dd>
        <strong>{value}</strong>
        {children && <span class="detail">{children}</span>}
      </dd>
    </div>
  );
}

function LostCard({ report }) {
  const { done, why_not: whyNot, in_doubt: doubt } = report.leak_check;
  if (!done) return <Card label="Lost" value="not told apart">{whyNot || 'no leak check was made'}</Card>;
  const definite = report.lists.leaks.filter((row) => row.leakClass === 'definite');
  const indirect = report.lists.leaks.filter((row) => row.leakClass === 'indirect');
  if (definite.length + indirect.length === 0) return <Card label="Lost" state="good" value="No leaks">{doubt}</Card>;
  return (
    <Card label="Lost" state="bad" value={<Bytes value={sumOf(definite, 'bytes')} />}>
      {plural(sumOf(definite, 'count'), 'block')} from {plural(new Set(definite.map((row) => row.node)).size, 'place')}
      {indirect.length > 0 && `, and ${humanBytes(sumOf(indirect, 'bytes'))} that only they lead to`}
    </Card>
  );
}

// Each process of a merged report had its peak at a time of its own.
const PeakCard = ({ report, totals }) =>
  isMerged(report) ? ( // guard: merged-peaks
    <Card label="Host heap, peaks added up" value={<Bytes value={totals.peak_bytes} />}>
      at most so much was live at once; {humanBytes(largestPeak(report))} in the largest process
    </Card>
  ) : (
    <Card label="Host heap, peak" value={<Bytes value={totals.peak_bytes} />}>after {humanDuration(totals.peak_ns)}</Card>
  );

function HostCards({ report }) {
  const { totals, mmap, resident, tracked } = report.host;
  const { moment } = report.process;
  const peak = isMerged(report) ? 'peaks added up' : 'peak';
  return (
    <>
      {tracked ? (
        <>
          <Card label={`Host heap, live ${moment}`} value={<Bytes value={totals.live_bytes} />}>{plural(totals.live_count, 'block')}</Card>
          <PeakCard report={report} totals={totals} />
          <Card label="Host heap, allocated" value={<Bytes value={totals.alloc_bytes} />}>
            {plural(totals.alloc_count, 'allocation')}, {percent(totals.temporary_count, totals.alloc_count)} temporary
          </Card>
        </>
      ) : (
        <Card label="Host heap" value="not tracked">WEIR_TRACK leaves it out</Card>
      )}
      {mmap.map_count > 0 && (
        <Card label={`Mappings, live ${moment}`} value={<Bytes value={mmap.live_bytes} />}>
          {peak} {humanBytes(mmap.peak_bytes)}, {plural(mmap.map_count, 'call')}
        </Card>
      )}
      {resident.rss_bytes > 0 && (
        <Card label="Resident (RSS)" value={<Bytes value={resident.rss_bytes} />}>
          {peak} {humanBytes(resident.peak_rss_bytes)}{isMerged(report) && '; what processes share counts in each'}
        </Card>
      )}
    </>
  );
}

const DeviceCard = ({ report, device }) => (
  <Card label={`Device ${device.index}${device.name ? ` · ${device.name}` : ''}`} value={<Bytes value={device.peak_bytes} />}>
    peak{isMerged(report) && ' of the process with the highest'}, after {humanDuration(device.peak_ns)}; {humanBytes(device.live_bytes)} live {report.process.moment}
    {device.total_bytes > 0 && `; ${humanBytes(device.used_bytes)} of ${humanBytes(device.total_bytes)} in use by all`}
  </Card>
);

function ErrorCard({ errors }) {
  const count = sumOf(errors.rows, 'count') + errors.left_out_count;
  return <Card label="Heap errors" state={count > 0 ? 'bad' : 'good'} value={count > 0 ? humanCount(count) : 'None'} />;
}

export function Summary({ report }) {
  return (
    <section id="summary" aria-label="Summary">
      <dl class="cards">
        <LostCard report={report} />
        <ErrorCard errors={report.errors} />
        <HostCards report={report} />
        {report.devices.map((device) => <DeviceCard key={device.index} report={report} device={device} />)}
      </dl>
    </section>
  );
}

const listsOf = ({ process: { moment } }) => [
  { id: 'leaks', what: `live ${moment}` },
  { id: 'peak', what: 'live at the peak' },
  { id: 'hot_sites', what: 'allocated in total' },
];

// What a reader must know before believing a figure.
export function Limits({ report }) {
  const sumsOf = (id) => report.left_out.filter((sum) => sum.list === id);
  const cuts = listsOf(report).map(({ id, what }) => ({ what, sums: sumsOf(id) })).filter(({ sums }) => sums.length > 0);
  const cutText = ({ what, sums }) => `${plural(sumOf(sums, 'stack_count'), 'smaller stack')} with ${humanBytes(sumOf(sums, 'bytes'))} ${what}`;
  return (
    <>
      {isMerged(report) && (
        <p class="limit">A merged report: figures are sums of all its processes, unless they are said to be of one.</p>
      )}
      {report.sampling && (
        <p class="limit">
          The host's figures are estimates from {plural(report.sampling.sample_count, 'sample')}, one
          in {humanBytes(report.sampling.mean_bytes)} (WEIR_SAMPLE).
        </p>
      )}
      {cuts.length > 0 && (
        <p class="limit">
          The largest stacks are listed. Summed up are {cuts.map(cutText).join(', ')}
          {report.left_out.some((sum) => sum.by_page) && <> (<code>weir html --stacks</code> sets how many are listed)</>}.
        </p>
      )}
    </>
  );
}
