// Keys, pointers, buttons and lists.

function zoom(factor, px, py) {
  const { left, top, width, height } = camera.box;
  const at = state.cursor && centre(corners(state.cursor.level, state.cursor.row, state.cursor.column));
  const seen = at && inside(camera.pixelX(at[0]), camera.pixelY(at[1]));
  camera.zoom(factor, px ?? (seen ? camera.pixelX(at[0]) : left + width / 2), py ?? (seen ? camera.pixelY(at[1]) : top + height / 2));
  tell(null);
  redraw();
}

function fit() {
  camera.fit();
  tell(null);
  redraw();
}

// -- pointers -------------------------------------------------------------------------------------

const pointers = new Map();
let dragged = 0;

function local(event) {
  const box = canvas.getBoundingClientRect();
  return [event.clientX - box.left, event.clientY - box.top];
}

canvas.addEventListener("pointerdown", (event) => {
  canvas.setPointerCapture(event.pointerId);
  pointers.set(event.pointerId, local(event));
  if (pointers.size === 1) dragged = 0;
});

canvas.addEventListener("pointermove", (event) => {
  const [px, py] = local(event);
  const was = pointers.get(event.pointerId);
  if (!was) {
    tell(inside(px, py) ? hit(camera, px, py) : null, px, py);
    return;
  }
  const [dx, dy] = [px - was[0], py - was[1]];
  dragged += Math.hypot(dx, dy);
  const other = [...pointers].find(([id]) => id !== event.pointerId);
  if (other) {
    const [ox, oy] = other[1];
    camera.zoom(Math.hypot(px - ox, py - oy) / (Math.hypot(was[0] - ox, was[1] - oy) || 1), ox, oy);
  } else if (dragged > 4) camera.pan(-dx, -dy);
  pointers.set(event.pointerId, [px, py]);
  if (dragged > 4) tell(null);
  redraw();
});

for (const ending of ["pointerup", "pointercancel"]) {
  canvas.addEventListener(ending, (event) => {
    const known = pointers.delete(event.pointerId);
    if (known && ending === "pointerup" && dragged <= 4) click(...local(event));
  });
}

canvas.addEventListener("pointerleave", () => { if (!pointers.size) tell(null); });

canvas.addEventListener("wheel", (event) => {
  event.preventDefault();
  const lines = event.deltaMode === 1 ? 30 : 1;
  zoom(Math.exp(-Math.max(-400, Math.min(400, event.deltaY * lines)) * 0.002), ...local(event));
}, { passive: false });

canvas.addEventListener("dblclick", (event) => zoom(2.5, ...local(event)));

// A cell stands for its equation; a name at the side for a row, one at the top for a column.
function click(px, py) {
  const level = camera.level;
  if (!level) return;
  state.cursor = null;
  if (inside(px, py)) {
    const found = hit(camera, px, py);
    if (!found || level.find(found.row, found.column) < 0) clear();
    else select(level, found.row, found.column);
  } else if (py > camera.box.top) {
    const row = level.rows.memberAt(camera.toY(py));
    if (row >= 0) select(level, row, -1);
  } else if (px > camera.box.left) {
    const column = level.columns.memberAt(camera.toX(px));
    if (column >= 0) select(level, -1, column);
  }
}

// -- keys -----------------------------------------------------------------------------------------

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const KEYS = {
  "+": () => zoom(1.6),
  "=": () => zoom(1.6),
  "-": () => zoom(1 / 1.6),
  0: fit,
  "/": () => element("search").focus(),
  " ": () => setPlaying(!state.playing),
  Escape: () => { setPlaying(false); playTo(0); element("substitution").hidden = true; clear(); },
};

document.addEventListener("keydown", (event) => {
  const { key, target } = event;
  if (event.ctrlKey || event.metaKey || event.altKey || target === element("search")) return;
  const native = target.matches("button, select, input");
  if (native && (key === " " && !target.matches("input") || key in ARROWS || target.matches("select") && key !== "Escape")) return;
  if (key in ARROWS) {
    const [across, down] = ARROWS[key];
    if (event.shiftKey) {
      camera.pan(across * 60, down * 60);
      redraw();
    } else step(across, down);
  } else if (key === "Enter" && state.cursor && target === canvas) {
    select(state.cursor.level, state.cursor.row, state.cursor.column);
  } else if (key in KEYS) KEYS[key]();
  else return;
  event.preventDefault();
});

// -- buttons and lists ----------------------------------------------------------------------------

element("in").onclick = () => zoom(1.6);
element("out").onclick = () => zoom(1 / 1.6);
element("fit").onclick = fit;
element("play").onclick = () => setPlaying(!state.playing);
element("step").oninput = (event) => { setPlaying(false); playTo(Number(event.target.value)); };
element("level").onchange = (event) => { camera.fixed = Number(event.target.value); tell(null); redraw(); };
element("colour").onchange = (event) => { painter.byValue = event.target.value === "values"; redraw(); };

const box = element("search"), results = element("results");
let found = [], chosen = -1;

function offer() {
  found = search.find(box.value);
  chosen = found.length ? 0 : -1;
  results.replaceChildren(...found.map((thing, k) => {
    const item = line("li", thing.name);
    item.id = `result${k}`;
    item.role = "option";
    item.append(line("small", search.about(thing)));
    item.onpointerdown = (event) => { event.preventDefault(); take(k); };
    return item;
  }));
  if (box.value.trim() && !found.length) results.append(line("li", "no such name"));
  choose(chosen);
}

function choose(k) {
  chosen = k;
  results.hidden = !box.value.trim();
  box.setAttribute("aria-expanded", String(!results.hidden));
  [...results.children].forEach((item, n) => item.setAttribute("aria-selected", String(n === k)));
  if (k >= 0) {
    box.setAttribute("aria-activedescendant", `result${k}`);
    results.children[k].scrollIntoView({ block: "nearest" });
  } else box.removeAttribute("aria-activedescendant");
}

function take(k) {
  if (k < 0) return;
  const thing = found[k];
  box.value = "";
  offer();
  canvas.focus();
  go(thing);
}

box.oninput = offer;
box.onblur = () => { results.hidden = true; };
box.onfocus = () => { if (box.value) offer(); };
box.onkeydown = (event) => {
  if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    const by = event.key === "ArrowDown" ? 1 : -1;
    if (found.length) choose((chosen + by + found.length) % found.length);
  } else if (event.key === "Enter") take(chosen);
  else if (event.key === "Escape") { box.value = ""; offer(); canvas.focus(); }
  else return;
  event.preventDefault();
};

// -- the beginning --------------------------------------------------------------------------------

element("summary").textContent = page.summary + (page.of ? `; multipliers of ${page.of}` : "");
if (page.said.length) {
  element("notes").hidden = false;
  element("notes").querySelector("ul").append(...page.said.map((text) => line("li", text)));
}
element("level").append(new Option("as it fits", "-1"), ...levels.map((level, k) => new Option(level.title(), String(k))));
element("play").disabled = !play.length;
element("step").max = String(play.length);
if (page.why) element("substitution").append(line("p", page.why));
if (page.cycles.length) {
  element("cycles").hidden = false;
  element("cycles").querySelector("h2").textContent = count(page.cycles.length, "cycle");
  element("cycles").querySelector("ul").append(...page.cycles.map(cycleItem));
}

function cycleItem(cycle) {
  const item = line("li", "");
  const names = cycle.variables.slice(0, 4).map((j) => shortened(variables.names[j], 40)).join(", ");
  const button = line("button", names + (cycle.variables.length > 4 ? ", …" : ""));
  button.append(line("span", `${count(cycle.size, "number")}, condition ${cycle.condition}`));
  button.onclick = () => {
    const down = stepFrame({ variables: cycle.variables, equations: cycle.equations });
    const [, , left] = down;
    const right = extent(cycle.equations.map((i) => stepEnd(i)))[1];
    camera.fixed = -1;
    camera.show(down[0], down[1], left, right);
    redraw();
  };
  item.append(button);
  return item;
}

function stepEnd(i) {
  if (finest.name === "variables" || finest.numbers) return finest.columns.ends[i];
  return equations.entries(i) ? finest.columns.ends[equations.offsets[i + 1] - 1] : 0;
}

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  painter.colors = new Colors();
  redraw();
});
new ResizeObserver(resize).observe(canvas);
resize();

// For whoever wants to ask the page from the console.
window.explorer = { page, levels, camera, painter, words, play, search, state, draw, corners };
document.documentElement.dataset.ready = String(Math.round(performance.now()));
