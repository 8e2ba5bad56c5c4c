// The page: one state, what changes it, and what shows it.

const element = (id) => document.getElementById(id);
const page = JSON.parse(element("data").textContent);
element("data").textContent = "";

const variables = page.variables ? new Side(page.variables, page.paths) : null;
const equations = page.equations ? new Side(page.equations, page.paths) : null;
const levels = page.levels.map((packed) => new Level(packed, variables, equations, page.numbers));
const finest = levels.length && !levels[levels.length - 1].names ? levels[levels.length - 1] : null;
const canvas = element("picture");
const camera = new Camera(levels);
const painter = new Painter(canvas, camera);
const words = new Words(page, [variables, equations]);
const play = new Play(page, words, finest);
const search = new Search(levels, words);
const state = { cursor: null, parts: null, playing: false, drawn: 0 };

// -- drawing ----------------------------------------------------------------------------------

let waiting = false;
function redraw() {
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(() => {
    waiting = false;
    draw();
  });
}

function draw() {
  const { cursor, parts } = state;
  const step = play.done ? play.steps[play.done - 1] : null;
  const unsolved = step && play.done < play.length ? stepFrame(step)[2] : 0;
  painter.draw({
    parts: unsolved > 0 ? null : parts,
    cursor: cursor && corners(cursor.level, cursor.row, cursor.column),
    step: step && stepFrame(step),
    unsolved,
  });
  legend();
  state.drawn++;
}

// The rows that a step reads, from their own columns on.
function stepFrame(step) {
  const spans = (axis, side, members) => members.flatMap((k) => {
    if (finest.name === "variables" || finest.numbers) return [axis.starts[k], axis.ends[k]];
    return side.entries(k) ? [axis.starts[side.offsets[k]], axis.ends[side.offsets[k + 1] - 1]] : [];
  });
  const down = spans(finest.rows, variables, step.variables);
  const across = spans(finest.columns, equations, step.equations);
  return [extent(down)[0], extent(down)[1], extent(across)[0], camera.across];
}

function resize() {
  const ratio = window.devicePixelRatio || 1;
  const { clientWidth: wide, clientHeight: high } = canvas;
  canvas.width = Math.max(1, Math.round(wide * ratio));
  canvas.height = Math.max(1, Math.round(high * ratio));
  const left = Math.min(150, Math.max(80, wide * 0.2)), top = Math.min(120, Math.max(90, high * 0.18));
  camera.place({ left, top, width: Math.max(1, wide - left - 6), height: Math.max(1, high - top - 6) });
  draw();
}

function legend() {
  const level = camera.level;
  if (!camera.across || !camera.down) {
    element("where").textContent = "A has no rows: there is nothing to see.";
    return;
  }
  const [first, last] = camera.seen(level.rows, true), [begin, end] = camera.seen(level.columns, false);
  const size = (n) => n.toLocaleString("en");
  element("where").textContent = `Seen: ${level.title()}, ${size(last - first + 1)} × ${size(end - begin + 1)} of ${size(level.rows.count)} × ${size(level.columns.count)}`;
  element("where").dataset.level = level.name;
  const square = (style, text) => `<span><i style="${style}"></i>${text}</span>`;
  const parts = [];
  if (painter.byValue) {
    const { most, least } = painter.range;
    const bar = `background: linear-gradient(to right, var(--values))`;
    const [low, high] = [least, most].map((x) => number(Number(x.toPrecision(3))));
    parts.push(`<span>−${high}<i class="scale" style="${bar}"></i>${high}, logarithmic from ${low}</span>`);
  } else if (painter.crowd) {
    parts.push(`<span>few<i class="scale" style="background: linear-gradient(to right, var(--share))"></i>many entries in a dot (${size(painter.crowd.most)})</span>`);
  } else {
    parts.push(square("background: var(--partial)", "∂r<sub>i</sub> / ∂z<sub>j</sub>"), square("background: var(--diagonal)", "A<sub>ii</sub>"));
  }
  if (level.cycles.length) parts.push(square("border: 2px solid var(--cycle)", "cycle"));
  if (camera.coarser(level).some((other) => other.frames.length)) parts.push(square("border: 2px solid var(--scope)", "scope"));
  if (level.lost && level.lost.length) parts.push("<span>✕ NaN or infinite</span>");
  const text = parts.join("");
  if (state.legend !== text) element("legend").innerHTML = state.legend = text;
}

// -- the cell under the pointer, or the cursor --------------------------------------------------

function tell(found, px, py) {
  const tip = element("tip");
  tip.hidden = !found;
  if (!found) return;
  const lines = words.cell(found.level, found.row, found.column, found.crowd);
  tip.replaceChildren(...lines.map(([kind, text]) => line("div", shortened(text, 220), kind)));
  const wide = canvas.clientWidth, high = canvas.clientHeight;
  const { offsetWidth: w, offsetHeight: h } = tip;
  tip.style.left = `${Math.max(0, px + 16 + w > wide ? Math.min(px - w - 12, wide - w) : px + 16)}px`;
  tip.style.top = `${Math.max(0, py + 16 + h > high ? py - h - 12 : py + 16)}px`;
}

function line(tag, text, kind = "") {
  const made = document.createElement(tag);
  made.textContent = text;
  made.className = kind;
  return made;
}

// Move the cursor by cells; where they are small by so many that the move is seen.
function step(across, down) {
  const level = camera.level;
  if (!level || !level.rows.count || !level.columns.count) return;
  const now = state.cursor;
  const middle = [camera.toX(camera.box.left + camera.box.width / 2), camera.toY(camera.box.top + camera.box.height / 2)];
  const [x, y] = now ? centre(corners(now.level, now.row, now.column)) : middle;
  const move = (axis, at, by, rows) => {
    const many = Math.max(1, Math.round(8 / camera.pitch(axis, rows)));
    const p = axis.placeAt(Math.min(Math.max(at, 0), axis.total * (1 - 1e-12)));
    return axis.order[Math.min(Math.max(p + (now ? by * many : 0), 0), axis.count - 1)];
  };
  const row = move(level.rows, y, down, true), column = move(level.columns, x, across, false);
  state.cursor = { level, row, column };
  const [cx, cy] = centre(corners(level, row, column));
  if (!inside(camera.pixelX(cx), camera.pixelY(cy))) {
    camera.pan((cx - x) * camera.scale, (cy - y) * camera.scale);
    if (!inside(camera.pixelX(cx), camera.pixelY(cy))) see(corners(level, row, column));
  }
  tell(state.cursor, camera.pixelX(cx), camera.pixelY(cy));
  element("live").textContent = words.cell(level, row, column).map(([, text]) => text).join("; ");
  redraw();
}

function centre([top, bottom, left, right]) {
  return [(left + right) / 2, (top + bottom) / 2];
}

function inside(px, py) {
  const { left, top, width, height } = camera.box;
  return px >= left && py >= top && px <= left + width && py <= top + height;
}

// Bring a cell into the middle, as large as it is.
function see([top, bottom, left, right]) {
  const { width, height } = camera.box;
  camera.pan(camera.pixelX((left + right) / 2) - camera.box.left - width / 2, camera.pixelY((top + bottom) / 2) - camera.box.top - height / 2);
}

// -- what is selected -----------------------------------------------------------------------------

// Mark equation `column` of a level, or the row where no equation defines it.
function select(level, row, column) {
  if (column >= 0 && level.own[column] >= 0) row = level.own[column];
  else if (column < 0 && row >= 0) column = level.defined[row];
  state.parts = related(level, row, column);
  describe();
  redraw();
}

function clear() {
  state.parts = state.cursor = null;
  element("selected").replaceChildren();
  tell(null);
  redraw();
}

function describe() {
  const { level, row, column, parents, children } = state.parts;
  const k = level.owner(1, column);
  const heading = line("h2", column >= 0 ? level.columnName(column) : level.rowName(row));
  const told = column >= 0
    ? [words.equation(k), words.source(k)].filter(Boolean).map((text) => {
        const p = document.createElement("p");
        p.append(line("code", shortened(text, 400)));
        return p;
      })
    : [line("p", "no equation defines it by itself")];
  const plain = [row >= 0 ? words.value(level, row) : "", column >= 0 ? words.multiplier(level, column) : ""];
  element("selected").replaceChildren(
    heading, ...told, ...plain.filter(Boolean).map((text) => line("p", text)),
    ...listed("parent", "α, parents", parents.map((j) => [level.rowName(j), j, level.defined[j]])),
    ...listed("child", "β, children", children.map((i) => [level.columnName(i), level.own[i], i])),
  );
}

function listed(kind, title, members) {
  const { level } = state.parts;
  const names = line("div", "", `names ${kind === "parent" ? "parents" : "children"}`);
  for (const [name, row, column] of members.slice(0, 60)) {
    const button = line("button", shortened(name, 80));
    button.title = name;
    button.onclick = () => {
      select(level, row, column);
      const { self } = state.parts;
      if (self && !inside(...[camera.pixelX(centre(self)[0]), camera.pixelY(centre(self)[1])])) see(self);
    };
    names.append(button);
  }
  if (members.length > 60) names.append(line("span", `and ${members.length - 60} more`));
  return [line("p", `${title}: ${members.length || "none"}`, kind), ...(members.length ? [names] : [])];
}

// Zoom to a variable, an equation, a scope.
function go(thing) {
  const whole = levels.find((level) => level.name === "variables") || finest;
  const level = thing.kind === "scope" ? thing.level : whole;
  let row = -1, column = -1;
  if (thing.kind === "equation") column = thing.equation;
  else row = thing.kind === "scope" ? thing.row : thing.variable;
  camera.fixed = -1;
  select(level, row, column);
  ({ row, column } = state.parts);
  const [top, bottom] = row < 0 ? [0, camera.down] : [level.rows.starts[row], level.rows.ends[row]];
  const [left, right] = column < 0 ? [0, camera.across] : [level.columns.starts[column], level.columns.ends[column]];
  camera.show(top, bottom, left, right, thing.kind === "scope" ? 1.4 : Math.max(3, 16 / Math.max(bottom - top, right - left)));
  if (camera.levels.indexOf(camera.level) < levels.indexOf(level)) camera.fixed = levels.indexOf(level);
  element("level").value = String(camera.fixed);
  redraw();
}

// -- back-substitution ------------------------------------------------------------------------------

function playTo(done) {
  play.to(done);
  element("substitution").hidden = !play.length;
  element("step").value = String(play.done);
  element("said").textContent = play.said();
  element("multipliers").replaceChildren(...play.list().map((text) => line("li", text)));
  if (state.parts) describe();
  redraw();
}

let before = 0, owed = 0;
function tick(now) {
  if (!state.playing) return;
  owed += play.pace(Math.min(0.2, (now - before) / 1000));
  before = now;
  if (owed >= 1) {
    playTo(play.done + Math.floor(owed));
    owed %= 1;
  }
  if (play.done >= play.length) setPlaying(false);
  else requestAnimationFrame(tick);
}

function setPlaying(on) {
  state.playing = on && play.length > 0;
  element("play").textContent = state.playing ? "❚❚ Pause" : "▶ Play";
  if (!state.playing) return;
  if (play.done >= play.length) playTo(0);
  element("substitution").hidden = false;
  before = performance.now();
  owed = 1;
  requestAnimationFrame(tick);
}
