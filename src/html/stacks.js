// The tree of all stacks, in typed arrays: node 0 is the root, a node's parent has the lower number.

export class Stacks {
  constructor({ texts, lines, nodes }) {
    this.texts = texts;
    this.functions = lines.function;
    this.places = lines.place;
    this.inlined = lines.inlined;
    this.parent = Uint32Array.from(nodes.parent);
    this.line = Uint32Array.from(nodes.line);
    this.count = this.parent.length;
    this.#sortChildren();
  }

  // The children of node n are children[first[n]] up to, without it, children[first[n + 1]].
  #sortChildren() {
    const { parent, count } = this;
    this.first = new Uint32Array(count + 1);
    for (let node = 1; node < count; ++node) ++this.first[parent[node] + 1];
    for (let node = 0; node < count; ++node) this.first[node + 1] += this.first[node];
    this.children = new Uint32Array(Math.max(count - 1, 0));
    const next = this.first.slice();
    for (let node = 1; node < count; ++node) this.children[next[parent[node]]++] = node;
  }

  functionOf(line) {
    return this.texts[this.functions[line]];
  }

  placeOf(line) {
    return this.texts[this.places[line]];
  }

  nameOf(line) {
    return this.functionOf(line) || this.placeOf(line);
  }

  // The lines of a stack, innermost first.
  linesOf(node) {
    const lines = [];
    for (; node !== 0; node = this.parent[node]) lines.push(this.line[node]);
    return lines;
  }

  // 1 for each line whose function or place has the text, in any case of letters; null for an empty text.
  matchLines(text) {
    const wanted = text.trim().toLowerCase();
    if (wanted === '') return null;
    const lines = this.functions.length;
    const matches = new Uint8Array(lines);
    const known = new Map();
    const has = (number) => {
      if (!known.has(number)) known.set(number, this.texts[number].toLowerCase().includes(wanted));
      return known.get(number);
    };
    for (let line = 0; line < lines; ++line) matches[line] = has(this.functions[line]) || has(this.places[line]) ? 1 : 0;
    return matches;
  }

  // 1 for each node that has a matching line on its way from the root.
  coveredNodes(matches) {
    const covered = new Uint8Array(this.count);
    for (let node = 1; node < this.count; ++node) covered[node] = covered[this.parent[node]] | matches[this.line[node]];
    return covered;
  }
}
