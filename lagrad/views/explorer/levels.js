// The levels of A: axes with their members, and which cells are filled, by rows and by columns.

const KINDS = { i4: Int32Array, f8: Float64Array };

// Numbers travel as base64 of little-endian arrays.
function numbers(packed) {
  if (!packed) return null;
  const text = atob(packed.base64);
  const bytes = new Uint8Array(text.length);
  for (let k = 0; k < bytes.length; k++) bytes[k] = text.charCodeAt(k);
  return new KINDS[packed.kind](bytes.buffer);
}

// The last place in a sorted array whose number is not above x.
function lastNotAbove(sorted, x, low = 0, high = sorted.length - 1) {
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (sorted[middle] <= x) low = middle;
    else high = middle - 1;
  }
  return low;
}

// Members side by side: member order[p] stands between edges[p] and edges[p + 1].
class Axis {
  constructor(order, edges) {
    this.order = order;
    this.edges = edges;
    this.count = order.length;
    this.total = this.count ? edges[this.count] : 0;
    this.starts = new Float64Array(this.count);
    this.ends = new Float64Array(this.count);
    this.rank = new Int32Array(this.count);
    for (let p = 0; p < this.count; p++) {
      this.rank[order[p]] = p;
      this.starts[order[p]] = edges[p];
      this.ends[order[p]] = edges[p + 1];
    }
  }

  static of(packed) {
    return new Axis(numbers(packed.order), numbers(packed.edges));
  }

  // The axis of the entries, each an equal part of its variable.
  static entries(axis, offsets) {
    const count = offsets[offsets.length - 1];
    const order = new Int32Array(count);
    const edges = new Float64Array(count + 1);
    let p = 0;
    for (let q = 0; q < axis.count; q++) {
      const k = axis.order[q];
      const size = offsets[k + 1] - offsets[k];
      const width = (axis.edges[q + 1] - axis.edges[q]) / size;
      for (let e = 0; e < size; e++, p++) {
        order[p] = offsets[k] + e;
        edges[p] = axis.edges[q] + e * width;
      }
    }
    edges[p] = axis.total;
    return new Axis(order, edges);
  }

  // The place of the member at x, -1 outside.
  placeAt(x) {
    if (!this.count || !(x >= this.edges[0]) || x >= this.total) return -1;
    return lastNotAbove(this.edges, x, 0, this.count - 1);
  }

  memberAt(x) {
    const p = this.placeAt(x);
    return p < 0 ? -1 : this.order[p];
  }

  // The first and the last place that is seen between two coordinates; an empty pair outside.
  places(low, high) {
    if (!this.count || high <= this.edges[0] || low >= this.total) return [0, -1];
    return [
      lastNotAbove(this.edges, low, 0, this.count - 1),
      lastNotAbove(this.edges, high, 0, this.count - 1),
    ];
  }
}

// The variables, or the equations: their names, and what the rows (columns) of A are called.
class Side {
  constructor(packed, paths) {
    this.names = packed.names;
    this.shapes = packed.shapes;
    this.offsets = numbers(packed.offsets);
    this.scopes = numbers(packed.scopes);
    this.paths = paths;
    this.count = this.offsets[this.offsets.length - 1];
  }

  owner(entry) {
    return lastNotAbove(this.offsets, entry, 0, this.names.length - 1);
  }

  scope(k) {
    return this.paths[this.scopes[k]];
  }

  entries(k) {
    return this.offsets[k + 1] - this.offsets[k];
  }

  // z[3, 0] for an entry of an array, with a part for one of a complex number.
  entryName(entry) {
    const k = this.owner(entry);
    const shape = this.shapes[k] || [];
    const size = shape.reduce((a, b) => a * b, 1);
    const part = this.entries(k) === 2 * size && size ? (entry - this.offsets[k] < size ? ".re" : ".im") : "";
    let rest = (entry - this.offsets[k]) % Math.max(size, 1);
    const index = [];
    for (const n of [...shape].reverse()) {
      index.unshift(rest % n);
      rest = Math.floor(rest / n);
    }
    return this.names[k] + (shape.length ? `[${index.join(", ")}]` : "") + part;
  }
}

class Level {
  constructor(packed, variables, equations, numbersOnly) {
    this.name = packed.name;
    this.numbers = numbersOnly; // every variable is one
    this.depth = packed.depth;
    this.names = packed.names;
    this.sides = [variables, equations];
    this.rows = Axis.of(packed.rows);
    this.columns = Axis.of(packed.columns);
    if (this.name === "entries" && !numbersOnly) {
      this.rows = Axis.entries(this.rows, variables.offsets);
      this.columns = Axis.entries(this.columns, equations.offsets);
    }
    this.starts = numbers(packed.starts);
    this.indices = numbers(packed.indices);
    this.data = numbers(packed.data);
    this.own = numbers(packed.own);
    this.cycles = numbers(packed.cycles);
    this.frames = numbers(packed.frames);
    this.framed = numbers(packed.framed); // the columns that these scopes are
    this.defined = new Int32Array(this.rows.count).fill(-1);
    this.own.forEach((j, i) => { if (j >= 0) this.defined[j] = i; });
  }

  title() {
    return this.name === "scopes" ? `scopes, depth ${this.depth}` : this.name;
  }

  rowName(j) {
    return this.nameOf(0, j);
  }

  columnName(i) {
    return this.nameOf(1, i);
  }

  nameOf(side, k) {
    if (this.names) return this.names[side][k];
    return this.name === "entries" ? this.sides[side].entryName(k) : this.sides[side].names[k];
  }

  // The variable of a row, the equation of a column; -1 for a scope.
  owner(side, k) {
    if (this.names) return -1;
    return this.name === "entries" ? this.sides[side].owner(k) : k;
  }

  // The place of the cell (j, i) among those that are filled, or -1.
  find(j, i) {
    if (j < 0 || i < 0 || this.starts[j] === this.starts[j + 1]) return -1;
    const at = lastNotAbove(this.indices, i, this.starts[j], this.starts[j + 1] - 1);
    return this.indices[at] === i ? at : -1;
  }

  // The rows of each column, made when somebody asks for it.
  get byColumn() {
    if (!this.turned) {
      const starts = new Int32Array(this.columns.count + 1);
      for (const i of this.indices) starts[i + 1]++;
      for (let i = 0; i < this.columns.count; i++) starts[i + 1] += starts[i];
      const next = starts.slice();
      const rows = new Int32Array(this.indices.length);
      for (let j = 0; j < this.rows.count; j++) {
        for (let e = this.starts[j]; e < this.starts[j + 1]; e++) rows[next[this.indices[e]]++] = j;
      }
      this.turned = { starts, rows };
    }
    return this.turned;
  }

  // alpha(i): the rows that equation i reads, without the variable that it defines.
  parents(i) {
    if (i < 0) return [];
    const { starts, rows } = this.byColumn;
    return [...rows.subarray(starts[i], starts[i + 1])].filter((j) => j !== this.own[i]);
  }

  // beta: the equations that read row j, without the one that defines it.
  children(j) {
    if (j < 0) return [];
    return [...this.indices.subarray(this.starts[j], this.starts[j + 1])].filter((i) => i !== this.defined[j]);
  }
}
