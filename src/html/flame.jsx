// The flame graph with its switches: callers above, or the allocating function above; the wider, the more.
import { useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks';
import { layOut, flameTree, matchedValue } from './flame_tree.js';
import { humanBytes, percent, plural } from './format.js';
import { Choice, SearchField, Section, Swatch } from './parts.jsx';
import { GROUPS, leftOutOf, metricsOf, rowsOfMetric, unitsOf } from './report.js';

const LEAST_PIXELS = 2; // narrower boxes are not drawn; zooming in draws them
const ROW_PIXELS = 22;
const LABEL_PIXELS = 28;

// The switches offer what the report has.
function choicesOf(report) {
  const valueOf = (metric, row) => row[metric.count];
  const metrics = metricsOf(report).filter((metric) => rowsOfMetric(report, metric).some((row) => valueOf(metric, row) > 0));
  const groupsOf = (metric) => {
    const ids = new Set(rowsOfMetric(report, metric).filter((row) => valueOf(metric, row) > 0).map((row) => row.group));
    for (const unit of unitsOf(metric)) for (const { group } of leftOutOf(report, metric, unit)) ids.add(group);
    return GROUPS.filter(({ id }) => ids.has(id));
  };
  return { metrics, groups: new Map(metrics.map((metric) => [metric.id, groupsOf(metric)])) };
}

function useWidth(ref) {
  const [width, setWidth] = useState(0);
  useLayoutEffect(() => {
    const watch = new ResizeObserver(([entry]) => setWidth(Math.round(entry.contentRect.width)));
    watch.observe(ref.current);
    setWidth(Math.round(ref.current.clientWidth));
    return () => watch.disconnect();
  }, []);
  return width;
}

// A steady shade by name, so that neighbours differ.
function shadeOf(text) {
  let hash = 7;
  for (let i = 0; i < text.length; ++i) hash = (hash * 31 + text.charCodeAt(i)) | 0;
  return (hash >>> 4) % 5;
}

function Box({ box, pixels, isActive, isAbove, isMatch, describe }) {
  const { node, x, width } = box;
  const classes = ['frame', `mem-${node.group}`, `shade-${shadeOf(node.name)}`, isAbove && 'above', isMatch && 'match'];
  return (
    <div
      role="treeitem" aria-level={node.depth + 1} aria-label={describe(node)} aria-selected={isActive} tabIndex={isActive ? 0 : -1}
      data-node={node.id} class={classes.filter(Boolean).join(' ')}
      style={{ left: `${100 * x}%`, width: `${100 * width}%`, top: `${node.depth * ROW_PIXELS}px` }}
    >
      {pixels * width >= LABEL_PIXELS ? node.name : ''}
    </div>
  );
}

// Where an arrow key leads: in and out of calls, and to neighbours in the row.
function neighbour(boxes, active, key) {
  const at = boxes.findIndex(({ node }) => node === active);
  if (at < 0) return null;
  if (key === 'ArrowUp') return active.parent;
  if (key === 'ArrowDown') return boxes.find(({ node }) => node.parent === active)?.node;
  if (key === 'Home') return boxes[0].node;
  const row = boxes.filter(({ node }) => node.depth === active.depth);
  const place = row.findIndex(({ node }) => node === active);
  if (key === 'ArrowRight') return row[place + 1]?.node;
  if (key === 'ArrowLeft') return row[place - 1]?.node;
  return undefined;
}

function Graph({ root, focus, onZoom, matches, describe }) {
  const ref = useRef(null);
  const width = useWidth(ref);
  const [active, setActive] = useState(focus);
  const [pointed, setPointed] = useState(null);
  const wantsFocus = useRef(false);
  const boxes = useMemo(() => layOut(focus, LEAST_PIXELS / Math.max(width, 1)), [focus, width]);
  const byId = useMemo(() => new Map(boxes.map(({ node }) => [String(node.id), node])), [boxes]);
  const current = [active, focus].find(({ id }) => byId.has(String(id))) ?? boxes.at(-1).node;
  useLayoutEffect(() => {
    if (!wantsFocus.current) return;
    wantsFocus.current = false;
    ref.current.querySelector('[tabindex="0"]')?.focus();
  }, [current, boxes]);

  const go = (node) => {
    wantsFocus.current = true;
    setActive(node);
  };
  const zoom = (node) => {
    go(node);
    onZoom(node);
  };
  const nodeAt = (event) => byId.get(event.target.closest('[data-node]')?.dataset.node);
  const onKeyDown = (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    if (event.key === 'Enter' || event.key === ' ') zoom(current);
    else if (event.key === 'Escape') zoom(root);
    else {
      const next = neighbour(boxes, current, event.key);
      if (next === undefined && !event.key.startsWith('Arrow')) return;
      if (next) go(next);
    }
    event.preventDefault();
  };
  const depth = Math.max(...boxes.map(({ node }) => node.depth)) + 1;
  const told = pointed && byId.has(String(pointed.id)) ? pointed : current;
  return (
    <>
      <div class="graph-frame">
        <div
          ref={ref} class="graph" role="tree" aria-label="Flame graph: arrow keys move, Enter zooms in, Escape zooms out"
          style={{ height: `${depth * ROW_PIXELS}px` }}
          onKeyDown={onKeyDown} onFocusIn={(event) => nodeAt(event) && setActive(nodeAt(event))}
          onClick={(event) => nodeAt(event) && zoom(nodeAt(event))}
          onMouseOver={(event) => setPointed(nodeAt(event) ?? null)} onMouseLeave={() => setPointed(null)}
        >
          {width > 0 && boxes.map((box) => (
            <Box
              key={box.node.id} box={box} pixels={width} describe={describe} isActive={box.node === current}
              isAbove={box.node.depth < focus.depth} isMatch={matches !== null && box.node.line >= 0 && matches[box.node.line] === 1}
            />
          ))}
        </div>
      </div>
      <p class="told" id="flame-told"><b>{told.name}</b>{told.place && <span class="place"> {told.place}</span>}<br />{describe(told, true)}</p>
    </>
  );
}

function Legend({ groups }) {
  return <p class="legend">{groups.map(({ id, label }) => <span key={id}><Swatch group={id} /> {label}</span>)}</p>;
}

export function Flame({ report, stacks }) {
  const { metrics, groups } = useMemo(() => choicesOf(report), []);
  const [metricId, setMetric] = useState(metrics[0]?.id);
  const [unitWanted, setUnit] = useState('bytes');
  const [memoryWanted, setMemory] = useState('all');
  const [inverted, setInverted] = useState(false);
  const [text, setText] = useState('');
  const [zoomed, setZoomed] = useState(null);
  const metric = metrics.find(({ id }) => id === metricId);
  const units = metric ? unitsOf(metric) : [];
  const unit = units.includes(unitWanted) ? unitWanted : 'count';
  const offered = metric ? groups.get(metric.id) : [];
  const memory = offered.some(({ id }) => id === memoryWanted) ? memoryWanted : 'all';
  const root = useMemo(() => metric && flameTree(report, stacks, { metric, unit, memory, inverted }), [metric, unit, memory, inverted]);
  const matches = useMemo(() => stacks.matchLines(text), [text]);
  const matched = useMemo(
    () => (matches && metric ? matchedValue(report, stacks, { metric, unit, memory }, matches) : 0), [matches, metric, unit, memory],
  );
  if (!metric) return null;
  const focus = zoomed !== null && root !== null && zoomed.lineage()[0] === root ? zoomed : root;
  const valueText = (value) => (unit === 'bytes' ? humanBytes(value) : plural(value, metric.noun));
  const describe = (node, isShort) =>
    `${isShort ? '' : `${node.name}: `}${valueText(node.value)}, ${percent(node.value, root.value)} of ${valueText(root.value)}` +
    (focus !== root && node !== focus && node.depth > focus.depth ? `, ${percent(node.value, focus.value)} of what is zoomed` : '');
  return (
    <Section id="flame" title="Flame graph" note={`${metric.label}: ${metric.about}.`}>
      <div class="controls">
        <Choice name="metric" label="Show" options={metrics} value={metric.id} onChange={setMetric} />
        <Choice
          name="memory" label="Memory" value={memory} onChange={setMemory}
          options={offered.length > 1 ? [{ id: 'all', label: 'All' }, ...offered] : []}
        />
        <Choice
          name="unit" label="By" value={unit} onChange={setUnit}
          options={units.map((id) => ({ id, label: id === 'bytes' ? 'Bytes' : metric.noun === 'block' ? 'Blocks' : 'Allocations' }))}
        />
        <label class="check">
          <input type="checkbox" id="inverted" checked={inverted} onChange={(event) => setInverted(event.currentTarget.checked)} /> Inverted
          <span class="note"> (from the allocating function)</span>
        </label>
      </div>
      <div class="controls">
        <SearchField id="flame-search" label="Search" onSearch={setText} />
        <button type="button" id="flame-reset" disabled={focus === root} onClick={() => setZoomed(null)}>Reset zoom</button>
        <p class="result" role="status" id="flame-matched">
          {matches && `matches hold ${valueText(matched)}, ${percent(matched, root?.value ?? 0)}`}
        </p>
      </div>
      {offered.length > 1 && <Legend groups={offered} />}
      {root && <Graph key={root.id} root={root} focus={focus} onZoom={setZoomed} matches={matches} describe={describe} />}
    </Section>
  );
}
