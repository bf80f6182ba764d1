// The page of a report: reads the data that lies in it and draws all sections. It asks for nothing from outside.
import { render } from 'preact';
import { Flame } from './flame.jsx';
import { humanDuration } from './format.js';
import { Leaks } from './leaks.jsx';
import { HeapErrors, Options, Warnings } from './lists.jsx';
import { Memory } from './memory.jsx';
import { Processes, factsOfJob, isMerged } from './processes.jsx';
import { readReport } from './report.js';
import { Stacks } from './stacks.js';
import { Limits, Summary } from './summary.jsx';
import { ThemeSwitch } from './theme.jsx';
import { Timeline, hasTimeline } from './timeline.jsx';

const SECTIONS = [
  { id: 'processes', label: 'Processes', isThere: isMerged },
  { id: 'memory', label: 'Memory', isThere: () => true },
  { id: 'timeline', label: 'Timeline', isThere: hasTimeline },
  { id: 'flame', label: 'Flame graph', isThere: (report) => Object.values(report.lists).some((rows) => rows.length > 0) },
  { id: 'leaks', label: 'Leaks', isThere: () => true },
  { id: 'errors', label: 'Heap errors', isThere: (report) => report.errors.rows.length + report.errors.left_out_count > 0 },
  { id: 'warnings', label: 'Warnings', isThere: (report) => report.warnings.length > 0 },
  { id: 'options', label: 'Options', isThere: (report) => report.options.length > 0 },
];

function factsOfProcess({ program, command, pid, end, duration_ns: duration, start, host, rank }) {
  const moment = start ? `, started ${start.slice(0, 19).replace('T', ' ')} UTC` : '';
  return {
    title: program,
    facts: `pid ${pid}, ${end} after ${humanDuration(duration)}${moment}${host && ` on ${host}`}${rank && `, rank ${rank}`}`,
    command,
  };
}

const factsOf = (report) => (isMerged(report) ? factsOfJob(report) : factsOfProcess(report.process));

function Header({ report }) {
  const { title, facts, command } = factsOf(report);
  return (
    <header>
      <div class="top">
        <span class="brand">Weir report</span>
        <ThemeSwitch />
      </div>
      <h1>{title}</h1>
      <p class="process">{facts}</p>
      {command && <p class="command"><code>{command}</code></p>}
    </header>
  );
}

const Navigation = ({ report }) => (
  <nav aria-label="Sections">
    {SECTIONS.filter(({ isThere }) => isThere(report)).map(({ id, label }) => <a key={id} href={`#${id}`}>{label}</a>)}
  </nav>
);

function Page({ report, stacks }) {
  return (
    <>
      <Header report={report} />
      <Navigation report={report} />
      <main>
        <Limits report={report} />
        <Summary report={report} />
        <Processes report={report} />
        <Memory report={report} />
        <Timeline report={report} />
        <Flame report={report} stacks={stacks} />
        <Leaks report={report} stacks={stacks} />
        <HeapErrors errors={report.errors} stacks={stacks} />
        <Warnings warnings={report.warnings} />
        <Options report={report} />
      </main>
    </>
  );
}

const report = readReport(document.getElementById('report').textContent);
document.title = `${factsOf(report).title} · Weir report`;
render(<Page report={report} stacks={new Stacks(report.stacks)} />, document.getElementById('page'));
