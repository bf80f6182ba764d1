// The course of memory over time: a plot for the host and one for each device, and the same points as a table.
import { useEffect, useRef, useState } from 'preact/hooks';
import uPlot from 'uplot';
import { humanBytes, humanCount, humanDuration } from './format.js';
import { Bytes, Section } from './parts.jsx';
import { isMerged, nameOfProcess } from './processes.jsx';

// The lines of a plot, by column. They differ in dash too, for print and for eyes that see no colour.
const HOST_LINES = [
  { id: 'live_bytes', label: 'live', about: 'as the program asked for it', color: '--line-live', dash: [] },
  { id: 'reserved_bytes', label: 'reserved by the pool', about: 'address space', color: '--line-reserved', dash: [8, 4] },
  { id: 'mapped_bytes', label: 'mapped', about: "the program's own mappings", color: '--line-mapped', dash: [2, 3] },
  { id: 'rss_bytes', label: 'resident', about: 'in memory, by the kernel; while the process had one thread', color: '--line-rss', dash: [12, 3, 2, 3] },
  { id: 'peak_rss_bytes', label: 'resident at the most', about: 'the highest so far', color: '--line-rss', dash: [3, 5] },
];
const DEVICE_LINES = [
  { id: 'live_bytes', label: 'live', about: 'as the program asked for it', color: '--line-live', dash: [] },
  { id: 'reserved_bytes', label: 'reserved by the pool', about: 'taken from the driver', color: '--line-reserved', dash: [8, 4] },
  { id: 'idle_bytes', label: 'idle in the pool', about: 'cached and in quarantine', color: '--line-mapped', dash: [2, 3] },
  { id: 'pinned_bytes', label: 'pinned live', about: 'page-locked host memory', color: '--line-rss', dash: [12, 3, 2, 3] },
];
const FIRST_SHOWN = ['live_bytes', 'reserved_bytes', 'rss_bytes', 'pinned_bytes'];
// What is resident is not known of each moment where the process had several threads.
const isShownFirst = (course) => ({ id }) => FIRST_SHOWN.includes(id) || (id === 'peak_rss_bytes' && course.rss_bytes.includes(null));
const HEIGHT = 260;
const STEPPED = uPlot.paths.stepped({ align: 1 }); // between two events nothing changes

const highestOf = (values) => values.reduce((most, value) => Math.max(most, value ?? 0), 0);
const linesOf = (course, lines) => lines.filter(({ id }) => highestOf(course[id]) > 0 || id === 'live_bytes');

function peakOf(course) {
  const bytes = highestOf(course.live_bytes);
  return { bytes, ns: course.ns[course.live_bytes.indexOf(bytes)] ?? 0 };
}

// Ticks of bytes at powers of two, so that they read 64 MiB and not 61.0 MiB.
function byteTicks(least, most, spaces) {
  let step = 1;
  while ((most - least) / step > spaces) step *= 2;
  const ticks = [];
  for (let tick = Math.ceil(least / step) * step; tick <= most; tick += step) ticks.push(tick);
  return ticks;
}

const colorOf = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

// The browser's own colours, as a canvas takes them: a pair of light and dark is none.
function resolvedColor(element, name) {
  const before = element.style.color;
  element.style.color = `var(${name})`;
  const color = getComputedStyle(element).color;
  element.style.color = before;
  return color || colorOf(name);
}

function markPeak(plot, peak, color) {
  const { ctx } = plot;
  const x = plot.valToPos(peak.ns, 'x', true);
  const y = plot.valToPos(peak.bytes, 'y', true);
  ctx.save();
  ctx.strokeStyle = ctx.fillStyle = color;
  ctx.lineWidth = devicePixelRatio;
  ctx.setLineDash([4, 4]);
  ctx.beginPath();
  ctx.moveTo(x, plot.bbox.top + plot.bbox.height);
  ctx.lineTo(x, y);
  ctx.stroke();
  ctx.beginPath();
  ctx.arc(x, y, 4 * devicePixelRatio, 0, 2 * Math.PI);
  ctx.fill();
  ctx.restore();
}

// All plots show the same time, unless the reader looks closer.
const wholeTime = (course, end) => (_, least, most) => (least === course.ns[0] && most === course.ns.at(-1) ? [0, end] : [least, most]);

function optionsOf(element, { course, lines, shown, peak, end, onPoint }) {
  const quiet = resolvedColor(element, '--quiet');
  const grid = { stroke: resolvedColor(element, '--line'), width: 1 };
  const axis = { stroke: quiet, grid, ticks: grid, font: '12px system-ui, sans-serif' };
  const bad = resolvedColor(element, '--bad');
  return {
    width: element.clientWidth,
    height: HEIGHT,
    legend: { show: false },
    cursor: { y: false, drag: { x: true, y: false } },
    scales: { x: { time: false, range: wholeTime(course, end) }, y: { range: (_, least, most) => [0, Math.max(most ?? 0, 1024) * 1.06] } },
    axes: [
      { ...axis, values: (_, ticks) => ticks.map(humanDuration), space: 80 },
      { ...axis, size: 76, values: (_, ticks) => ticks.map(humanBytes), splits: (plot, _, least, most) => byteTicks(least, most, plot.height / 45) },
    ],
    series: [{}, ...lines.map(({ id, color, dash }) => ({
      show: shown.includes(id), stroke: resolvedColor(element, color), width: 2, dash, points: { show: false }, paths: STEPPED,
    }))],
    hooks: { draw: [(plot) => shown.includes('live_bytes') && peak.bytes > 0 && markPeak(plot, peak, bad)], setCursor: [(plot) => onPoint(plot.cursor.idx)] },
  };
}

// Counts up when dark becomes light or the other way round.
function useThemeChanges() {
  const [changes, setChanges] = useState(0);
  useEffect(() => {
    const note = () => setChanges((count) => count + 1);
    const observer = new MutationObserver(note);
    observer.observe(document.documentElement, { attributes: true, attributeFilter: ['data-theme'] });
    const media = matchMedia('(prefers-color-scheme: dark)');
    media.addEventListener('change', note);
    return () => {
      observer.disconnect();
      media.removeEventListener('change', note);
    };
  }, []);
  return changes;
}

function Plot(props) {
  const { name, course, lines, shown, peak } = props;
  const place = useRef(null);
  const themeChanges = useThemeChanges();
  useEffect(() => {
    const element = place.current;
    const plot = new uPlot(optionsOf(element, props), [course.ns, ...lines.map(({ id }) => course[id])], element);
    const observer = new ResizeObserver(() => plot.setSize({ width: element.clientWidth, height: HEIGHT }));
    observer.observe(element);
    return () => {
      observer.disconnect();
      plot.destroy();
    };
  }, [shown, themeChanges]);
  const last = course.live_bytes.at(-1) ?? 0;
  const label = `${name} over time: live memory was at most ${humanBytes(peak.bytes)} after ${humanDuration(peak.ns)}, and ${humanBytes(last)} at the end. The table below has all points.`;
  return <div class="plot" ref={place} role="img" aria-label={label} />;
}

function Legend({ name, lines, shown, onToggle }) {
  return (
    <div class="lines" role="group" aria-label={`Lines of ${name}`}>
      {lines.map(({ id, label, about, color, dash }) => (
        <button key={id} type="button" class="line" data-line={id} aria-pressed={shown.includes(id)} title={about} onClick={() => onToggle(id)}>
          <svg width="28" height="10" aria-hidden="true"><line class={`stroke${color}`} x1="0" y1="5" x2="28" y2="5" stroke-width="2" stroke-dasharray={dash.join(' ')} /></svg> {label}
        </button>
      ))}
    </div>
  );
}

// What the pointer is at, else the peak.
function Told({ course, lines, shown, point, peak }) {
  if (point == null) return <p class="plot-told">Peak of live memory: <b>{humanBytes(peak.bytes)}</b> after {humanDuration(peak.ns)}.</p>;
  const parts = lines.filter(({ id }) => shown.includes(id) && course[id][point] != null)
    .map(({ id, label }) => `${label} ${humanBytes(course[id][point])}`);
  return <p class="plot-told">After {humanDuration(course.ns[point])}: {parts.join(', ')}</p>;
}

// As many rows as points, made when somebody opens it.
function Points({ name, course, lines }) {
  const [isOpen, setOpen] = useState(false);
  const hasCounts = course.live_count !== undefined;
  return (
    <details class="points" onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>{name}: the points as a table</summary>
      {isOpen && (
        <div class="points-frame" tabIndex={0} role="region" aria-label={`Points of ${name}`}>
          <table>
            <thead>
              <tr>
                <th scope="col" class="number">after</th>
                {lines.map(({ id, label }) => <th scope="col" key={id} class="number">{label}</th>)}
                {hasCounts && <th scope="col" class="number">blocks</th>}
              </tr>
            </thead>
            <tbody>
              {course.ns.map((ns, i) => (
                <tr key={i}>
                  <th scope="row" class="number">{humanDuration(ns)}</th>
                  {lines.map(({ id }) => <td key={id} class="number">{course[id][i] == null ? '–' : <Bytes value={course[id][i]} />}</td>)}
                  {hasCounts && <td class="number">{humanCount(course.live_count[i])}</td>}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </details>
  );
}

function Course({ name, course, lines: all, end }) {
  const lines = linesOf(course, all);
  const [shown, setShown] = useState(() => lines.filter(isShownFirst(course)).map(({ id }) => id));
  const [point, setPoint] = useState(null);
  const peak = peakOf(course);
  const toggle = (id) => setShown((before) => (before.includes(id) ? before.filter((other) => other !== id) : [...before, id]));
  return (
    <div class="course">
      <h3>{name}</h3>
      <Legend name={name} lines={lines} shown={shown} onToggle={toggle} />
      <Plot name={name} course={course} lines={lines} shown={shown} peak={peak} end={end} onPoint={setPoint} />
      <Told course={course} lines={lines} shown={shown} point={point} peak={peak} />
      <Points name={name} course={course} lines={lines} />
    </div>
  );
}

// A merged report may have devices of several hosts under one number.
const deviceName = (report, index) => {
  const [name, ...others] = report.devices.filter((device) => device.index === String(index)).map((device) => device.name);
  return name && others.length === 0 ? `device ${index} (${name})` : `device ${index}`;
};

// The one whose course a merged report has; null of a report of one process.
function processOf(report) {
  if (!isMerged(report)) return null;
  const { process } = report.timeline;
  return process === null ? 'one process' : nameOfProcess(report.processes[process]);
}

const isPlotted = (course) => course.ns.length > 1;

export const hasTimeline = ({ timeline }) => timeline !== null && [timeline.host, ...timeline.devices].some((course) => course && isPlotted(course));

export function Timeline({ report }) {
  if (!hasTimeline(report)) return null;
  const { host, devices, interval_ns: interval, estimated } = report.timeline;
  const end = Math.max(...[host, ...devices].map((course) => course?.ns.at(-1) ?? 0));
  const spacing = host ? Math.max(host.spacing_ns, interval) : interval;
  const process = processOf(report);
  const whose = process === null ? '' : ` of ${process}`;
  const note = (process === null ? '' : `Not of all processes: of the one with the highest peak (${process}). `)
    + `Noted by the program's own events, at most every ${humanDuration(interval)}; a point has the highest figures of ${humanDuration(spacing)}.`
    + `${estimated ? " The host's live memory is an estimate." : ''} Drag in a plot to look closer, double-click to go back.`;
  return (
    <Section id="timeline" title={`Memory over time${process === null ? '' : ', of one process'}`} note={note}>
      {host && isPlotted(host) && <Course name={`host${whose}`} course={host} lines={HOST_LINES} end={end} />}
      {devices.filter(isPlotted).map((course) => (
        <Course key={course.index} name={deviceName(report, course.index) + whose} course={course} lines={DEVICE_LINES} end={end} />
      ))}
    </Section>
  );
}
