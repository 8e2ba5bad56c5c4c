// Finding variables, equations and scopes by a part of their name.

const RESULTS = 40;

class Search {
  constructor(levels, words) {
    this.things = [];
    for (const level of levels) {
      if (level.names) level.names[0].forEach((name, k) => this.things.push({ name, kind: "scope", level, row: k }));
    }
    this.last = levels[levels.length - 1];
    this.words = words;
  }

  // What has this part in its name: names that are it, then begin with it, then contain it.
  find(text) {
    const sought = text.trim().toLowerCase();
    if (!sought) return [];
    const ranks = [[], [], []];
    const look = (name, thing) => {
      const at = name.toLowerCase().indexOf(sought);
      if (at >= 0) ranks[name.length === sought.length ? 0 : at === 0 ? 1 : 2].push(thing());
    };
    for (const thing of this.things) {
      if (thing.level.rows.count) look(thing.name, () => thing);
    }
    const { variables, equations } = this.words;
    if (variables) {
      const shared = new Set(variables.names);
      variables.names.forEach((name, k) => look(name, () => ({ name, kind: "variable", variable: k })));
      equations.names.forEach((name, k) => {
        if (!shared.has(name)) look(name, () => ({ name, kind: "equation", equation: k }));
      });
    }
    return ranks.flat().slice(0, RESULTS);
  }

  // The line beside a name in the list.
  about(thing) {
    if (thing.kind === "scope") return "scope";
    const side = thing.kind === "variable" ? this.words.variables : this.words.equations;
    const k = thing.kind === "variable" ? thing.variable : thing.equation;
    return [thing.kind, side.scope(k) && `in ${side.scope(k)}`].filter(Boolean).join(" ");
  }
}
