// What is said of a cell, a variable, an equation: lines of text.

function number(x) {
  if (Number.isNaN(x)) return "NaN";
  if (!Number.isFinite(x)) return x > 0 ? "∞" : "−∞";
  const size = Math.abs(x);
  const text = size !== 0 && (size < 1e-4 || size >= 1e7) ? x.toExponential(5) : String(Number(x.toPrecision(7)));
  return text.replace(/\.?0+e/, "e").replace(/-/g, "−").replace("e+", "e");
}

function count(n, one, many = `${one}s`) {
  return `${n.toLocaleString("en")} ${n === 1 ? one : many}`;
}

function shortened(text, most) {
  if (text.length <= most) return text;
  const half = Math.max(1, Math.floor((most - 1) / 2));
  return `${text.slice(0, half)}…${text.slice(-half)}`;
}

class Words {
  constructor(page, sides) {
    this.page = page;
    [this.variables, this.equations] = sides;
    this.values = numbers(page.values);
    this.multipliers = numbers(page.multipliers);
    this.line = numbers(page.line);
    this.known = () => true; // whether the multiplier of an equation is found already
  }

  // A number, or the range of an array's numbers.
  numbersOf(flat, from, to) {
    if (to - from === 1) return number(flat[from]);
    let least = Infinity, most = -Infinity, lost = 0;
    for (let k = from; k < to; k++) {
      if (!Number.isFinite(flat[k])) lost++;
      else {
        least = Math.min(least, flat[k]);
        most = Math.max(most, flat[k]);
      }
    }
    const range = least > most ? "" : least === most ? `all ${number(least)}` : `${number(least)} to ${number(most)}`;
    const marked = lost ? `${lost} NaN or infinite` : "";
    return `${count(to - from, "number")}${range || marked ? ": " : ""}${[range, marked].filter(Boolean).join(", ")}`;
  }

  // "y1 = 25.58", the variable of a row.
  value(level, j) {
    const k = level.owner(0, j);
    const name = level.rowName(j);
    if (k < 0) return `${name}: a scope`;
    if (!this.values) return "";
    const entries = level.name === "entries";
    const from = entries ? j : this.variables.offsets[k];
    const to = entries ? j + 1 : this.variables.offsets[k + 1];
    return from === to ? `${name}: empty` : `${name} = ${this.numbersOf(this.values, from, to)}`;
  }

  // "λ[y1] = 0.98", the multiplier of a column.
  multiplier(level, i) {
    const k = level.owner(1, i);
    if (k < 0 || !this.multipliers) return "";
    const name = `λ[${level.columnName(i)}]`;
    if (!this.known(k)) return `${name}: not found yet`;
    const entries = level.name === "entries";
    const from = entries ? i : this.equations.offsets[k];
    const to = entries ? i + 1 : this.equations.offsets[k + 1];
    return from === to ? "" : `${name} = ${this.numbersOf(this.multipliers, from, to)}`;
  }

  // The equation as it was written, and where.
  equation(k) {
    return k < 0 ? "" : this.page.formulas[k] || `r[${this.equations.names[k]}] = 0`;
  }

  source(k) {
    if (k < 0) return "";
    const [where, text] = this.page.lines[this.line[k]];
    return where && text ? `${where}: ${text}` : where;
  }

  // The partial in a cell; of a block or a scope its largest entry.
  partial(level, j, i) {
    const e = level.find(j, i);
    const row = level.rowName(j), column = level.columnName(i);
    if (level.names) {
      if (e < 0) return `${column} reads nothing of ${row}`;
      return `${row === column ? `within ${row}` : `${column} reads ${row}`}: largest partial ${number(level.data[e])}`;
    }
    const name = `∂r[${column}] / ∂${row}`;
    if (e < 0) return `${name} = 0: no entry`;
    const block = level.name === "variables" && !(this.single(0, j) && this.single(1, i));
    return `${name} ${block ? "is a block, its largest entry" : "="} ${number(level.data[e])}`;
  }

  single(side, k) {
    return (side ? this.equations : this.variables).entries(k) === 1;
  }

  // All that is told of a cell: [kind, text] pairs; empty lines are left out.
  cell(level, j, i, crowd = 0) {
    const k = level.owner(1, i);
    const scope = k < 0 ? "" : this.equations.scope(k);
    return [
      ["partial", this.partial(level, j, i)],
      ["equation", this.equation(k)],
      ["source", this.source(k)],
      ["scope", scope && `scope ${scope}`],
      ["value", this.value(level, j)],
      ["multiplier", this.multiplier(level, i)],
      ["crowd", crowd > 1 ? `one of ${count(crowd, "entry", "entries")} at this place: zoom in` : ""],
    ].filter(([, text]) => text);
  }
}
