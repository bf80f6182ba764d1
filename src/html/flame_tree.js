// What a flame graph draws: nodes whose children are found when they are asked for, so that a report of 100,000 stacks costs what is visible.
import { GROUPS, leftOutOf, rowsOfMetric } from './report.js';

let nextId = 1;

class FlameNode {
  constructor(parent, { name, place = '', line = -1, value, group, find }) {
    this.id = nextId++; // for the page's elements
    this.parent = parent;
    this.depth = parent ? parent.depth + 1 : 0;
    this.name = name;
    this.place = place;
    this.line = line;
    this.value = value;
    this.group = group ?? parent?.group;
    this.find = find;
  }

  // Largest first.
  children() {
    this.found ??= (this.find?.(this) ?? []).sort((a, b) => b.value - a.value);
    return this.found;
  }

  // One node for the children from that place on.
  restFrom(place) {
    this.rests ??= new Map();
    if (!this.rests.has(place)) this.rests.set(place, restOf(this.isRest ? this.parent : this, this.children().slice(place)));
    return this.rests.get(place);
  }

  // From the root on.
  lineage() {
    const nodes = [];
    for (let node = this; node; node = node.parent) nodes.push(node);
    return nodes.reverse();
  }
}

const MOST_OF_A_REST = 40;

// Stands for nodes that are too narrow to be drawn, in their row. It has them as its own children, in parts where they are many: zoomed in often
// enough, each can be seen.
function restOf(parent, nodes) {
  if (nodes.length === 1) return nodes[0];
  const parts = () => {
    const size = Math.ceil(nodes.length / MOST_OF_A_REST);
    return Array.from({ length: Math.ceil(nodes.length / size) }, (_, i) => restOf(parent, nodes.slice(i * size, (i + 1) * size)));
  };
  const value = nodes.reduce((sum, node) => sum + node.value, 0);
  const rest = new FlameNode(parent, { name: `(${nodes.length.toLocaleString('en')} narrow ones)`, value, find: parts });
  rest.isRest = true;
  return rest;
}

// By group: what each node's own stack holds, and what is not listed.
function collect(report, stacks, metric, unit) {
  const groups = new Map();
  const groupOf = (id) => {
    if (!groups.has(id)) groups.set(id, { own: new Float64Array(stacks.count), total: 0, leftOut: 0, leftOutStacks: 0 });
    return groups.get(id);
  };
  for (const row of rowsOfMetric(report, metric)) {
    const value = row[metric[unit]];
    if (value <= 0) continue;
    const group = groupOf(row.group);
    group.own[row.node] += value;
    group.total += value;
  }
  for (const { group: id, value, stackCount } of leftOutOf(report, metric, unit)) {
    const group = groupOf(id);
    group.total += value;
    group.leftOut += value;
    group.leftOutStacks += stackCount;
  }
  return groups;
}

// What belongs to no function: unknown stacks, and those that are not listed.
function nameless(parent, group) {
  const nodes = [];
  if (group.own[0] > 0) nodes.push(new FlameNode(parent, { name: '(the stack is not known)', value: group.own[0] }));
  if (group.leftOut > 0) {
    const name = group.leftOutStacks > 0 ? `(${group.leftOutStacks.toLocaleString('en')} smaller stacks)` : '(other stacks)';
    nodes.push(new FlameNode(parent, { name, value: group.leftOut }));
  }
  return nodes;
}

function nodeOfLine(parent, stacks, line, value, find) {
  return new FlameNode(parent, { name: stacks.nameOf(line), place: stacks.functionOf(line) ? stacks.placeOf(line) : '', line, value, find });
}

// From the outermost function inwards.
function callerFirst(stacks, group) {
  const sums = group.own.slice();
  for (let node = stacks.count - 1; node > 0; --node) sums[stacks.parent[node]] += sums[node];
  const findOf = (node) => (parent) => {
    const children = [];
    for (let i = stacks.first[node]; i < stacks.first[node + 1]; ++i) {
      const child = stacks.children[i];
      if (sums[child] > 0) children.push(nodeOfLine(parent, stacks, stacks.line[child], sums[child], findOf(child)));
    }
    return node === 0 ? [...children, ...nameless(parent, group)] : children;
  };
  return findOf(0);
}

// From the function that allocates outwards. places: node -> value, the nodes whose lines are to be told apart next.
function calleeFirst(stacks, group) {
  const findOf = (places) => (parent) => {
    const byLine = new Map();
    for (const [node, value] of places) {
      if (node === 0) continue;
      const line = stacks.line[node];
      if (!byLine.has(line)) byLine.set(line, { value: 0, callers: new Map() });
      const entry = byLine.get(line);
      entry.value += value;
      entry.callers.set(stacks.parent[node], (entry.callers.get(stacks.parent[node]) ?? 0) + value);
    }
    return [...byLine].map(([line, { value, callers }]) => nodeOfLine(parent, stacks, line, value, findOf(callers)));
  };
  const own = new Map();
  group.own.forEach((value, node) => value > 0 && own.set(node, value));
  const find = findOf(own);
  return (parent) => [...find(parent), ...nameless(parent, group)];
}

// memory: a group's id, or 'all', which has a level of groups. null where there is nothing.
export function flameTree(report, stacks, { metric, unit, memory, inverted }) {
  const groups = collect(report, stacks, metric, unit);
  const order = inverted ? calleeFirst : callerFirst;
  const shown = GROUPS.filter(({ id }) => groups.get(id)?.total > 0 && (memory === 'all' || memory === id));
  const nodeOf = (parent, { id, label }) => {
    const group = groups.get(id);
    let find = null; // made when it is looked into
    return new FlameNode(parent, { name: label, value: group.total, group: id, find: (node) => (find ??= order(stacks, group))(node) });
  };
  if (shown.length === 0) return null;
  if (shown.length === 1) return nodeOf(null, shown[0]);
  const total = shown.reduce((sum, { id }) => sum + groups.get(id).total, 0);
  return new FlameNode(null, { name: 'All memory', value: total, group: 'all', find: (root) => shown.map((group) => nodeOf(root, group)) });
}

// How much of what is shown has a function on its stack that matches.
export function matchedValue(report, stacks, { metric, unit, memory }, matches) {
  const covered = stacks.coveredNodes(matches);
  let sum = 0;
  for (const row of rowsOfMetric(report, metric)) {
    if ((memory === 'all' || memory === row.group) && covered[row.node]) sum += row[metric[unit]];
  }
  return sum;
}

// The children that are wide enough, and one for the others together.
function boxesBelow({ node, x, width }, least) {
  const boxes = [];
  const children = node.children();
  const widthOf = (child) => (child.value / node.value) * width;
  let at = x;
  const add = (child) => {
    boxes.push({ node: child, x: at, width: widthOf(child) });
    at += widthOf(child);
  };
  let place = 0;
  while (place < children.length && widthOf(children[place]) >= least) add(children[place++]);
  if (place < children.length && (place > 0 || !node.isRest)) {
    const rest = node.restFrom(place);
    if (widthOf(rest) >= least) add(rest);
  }
  return boxes;
}

// The boxes to draw: `focus` and its ancestors over the whole width, below it what is at least `least` wide, as a part of 1. What a rest stands
// for lies in its own row, so it gives way to them.
export function layOut(focus, least, most = 5000) {
  const lineage = focus.lineage().map((node) => ({ node, x: 0, width: 1 }));
  const boxes = focus.isRest ? lineage.slice(0, -1) : lineage;
  let row = lineage.slice(-1);
  while (row.length > 0 && boxes.length < most) {
    row = row.flatMap((box) => (box.node.isRest && box.node !== focus ? [] : boxesBelow(box, least)));
    boxes.push(...row);
  }
  return boxes;
}
