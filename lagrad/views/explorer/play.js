// Back-substitution, step by step: the last multiplier first, each from its own row of A.

const SECONDS = 15; // the longest that all of it is played for
const TERMS = 4; // of a sum that are written out
const LISTED = 100; // multipliers that the list holds

class Play {
  constructor(page, words, finest) {
    this.words = words;
    this.level = finest; // of variables or entries
    this.found = words.multipliers;
    this.steps = this.found && finest ? stepsOf(page, words, finest) : [];
    this.done = 0;
    this.computed = this.found && finest.name === "entries" ? new Float64Array(this.found.length) : null;
    this.rhs = new Map(page.rhs ? page.rhs.rows.map((row, k) => [row, page.rhs.data[k]]) : []);
    this.solved = new Uint8Array(words.equations ? words.equations.names.length : 0);
    words.known = (k) => this.done === 0 || this.solved[k] === 1;
  }

  get length() {
    return this.steps.length;
  }

  // Go to a step, from where it stands; the multipliers in between are found on the way.
  to(step) {
    const target = Math.max(0, Math.min(step, this.length));
    while (this.done > target) this.mark(this.steps[--this.done], 0);
    while (this.done < target) {
      this.substitute(this.steps[this.done]);
      this.mark(this.steps[this.done++], 1);
    }
  }

  mark(step, flag) {
    for (const i of step.equations) this.solved[i] = flag;
  }

  // lam_i = e_j - sum of A_jk lam_k over the k that are found; a cycle was solved as a whole.
  substitute(step) {
    if (!this.computed) return;
    const { variables, equations } = this.words;
    if (step.cycle >= 0) {
      for (const i of step.equations) {
        for (let e = equations.offsets[i]; e < equations.offsets[i + 1]; e++) this.computed[e] = this.found[e];
      }
      return;
    }
    const { starts, indices, data, defined } = this.level;
    for (const j of step.variables) {
      for (let row = variables.offsets[j]; row < variables.offsets[j + 1]; row++) {
        let sum = this.rhs.get(row) || 0;
        for (let e = starts[row]; e < starts[row + 1]; e++) {
          if (indices[e] !== defined[row]) sum -= data[e] * this.computed[indices[e]];
        }
        this.computed[defined[row]] = sum;
      }
    }
  }

  // The multipliers of the equations solved so far, NaN for the others.
  multipliers() {
    const { offsets } = this.words.equations;
    const all = (this.computed || this.found).slice();
    for (let k = 0; k < this.solved.length; k++) {
      if (!this.solved[k]) all.fill(NaN, offsets[k], offsets[k + 1]);
    }
    return all;
  }

  // What the last step did, in a sentence.
  said() {
    if (!this.done) return `${count(this.length, "step")}, the last row of A first.`;
    const step = this.steps[this.done - 1];
    const names = step.equations.map((i) => shortened(this.words.equations.names[i], 40));
    const listed = names.slice(0, 3).join(", ") + (names.length > 3 ? `, … (${names.length})` : "");
    const at = `Step ${this.done.toLocaleString("en")} of ${this.length.toLocaleString("en")}. `;
    if (step.cycle >= 0) {
      return `${at}${listed}: ${names.length > 1 ? "solved together, since they form a cycle" : "a cycle by itself, solved as a linear system"}.`;
    }
    return at + this.sum(step);
  }

  // "λ[x] = 0 − (−2)(1) = 2", where it is one number.
  sum(step) {
    const [i] = step.equations;
    const [j] = step.variables;
    const { variables, equations } = this.words;
    if (!this.computed || equations.entries(i) !== 1) return this.words.multiplier(this.memberLevel(), i);
    const row = variables.offsets[j];
    const { starts, indices, data, defined } = this.level;
    const terms = [];
    for (let e = starts[row]; e < starts[row + 1]; e++) {
      if (indices[e] !== defined[row]) terms.push(`(${number(data[e])})(${number(this.computed[indices[e]])})`);
    }
    const shown = terms.slice(0, TERMS).map((t) => ` − ${t}`).join("") + (terms.length > TERMS ? ` − … (${terms.length} terms)` : "");
    const name = `λ[${shortened(equations.names[i], 40)}]`;
    const found = terms.length ? ` = ${number(this.computed[defined[row]])}` : "";
    return `${name} = ${number(this.rhs.get(row) || 0)}${shown}${found}`;
  }

  // Whole variables have the same words at both levels.
  memberLevel() {
    const { variables, equations } = this.words;
    return {
      name: "variables",
      owner: (side, k) => k,
      columnName: (i) => equations.names[i],
      rowName: (j) => variables.names[j],
    };
  }

  // [name, numbers] of the multipliers found, the latest first.
  list() {
    const found = [];
    for (let s = this.done - 1; s >= 0 && found.length < LISTED; s--) {
      for (const i of this.steps[s].equations) {
        found.push(this.words.multiplier(this.memberLevel(), i));
        if (found.length >= LISTED) break;
      }
    }
    return found.filter(Boolean);
  }

  // How many steps a moment takes, so that the whole is not longer than a person looks at it.
  pace(seconds) {
    const rate = Math.max(2, this.length / SECONDS);
    return rate * seconds;
  }
}

// The steps from the last block to the first, in the order of the picture.
function stepsOf(page, words, finest) {
  const member = finest.name === "entries" && !finest.numbers;
  const order = (axis, side) => {
    if (!member) return [...axis.order];
    const found = [];
    for (let p = 0; p < axis.count; p++) {
      const k = side.owner(axis.order[p]);
      if (found[found.length - 1] !== k) found.push(k);
    }
    return found;
  };
  // Arrays of no entries have no place on the axis, and their steps are nothing to see.
  const columns = order(finest.columns, words.equations);
  const cycleOf = new Map();
  page.cycles.forEach((cycle, n) => cycle.equations.forEach((i) => cycleOf.set(i, n)));
  const defines = numbers(page.defines);
  const seen = new Set();
  const steps = [];
  for (const i of columns.reverse()) {
    const n = cycleOf.has(i) ? cycleOf.get(i) : -1;
    if (n < 0) steps.push({ equations: [i], variables: [defines[i]], cycle: -1 });
    else if (!seen.has(n)) {
      seen.add(n);
      steps.push({ equations: page.cycles[n].equations, variables: page.cycles[n].variables, cycle: n });
    }
  }
  return steps;
}
