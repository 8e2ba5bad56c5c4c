// The picture: cells into pixels, frames, labels, and what is marked.

const COARSE = 1.5; // below so many pixels a cell is not drawn by itself, but counted
const STEPS = 256; // colours of a scale
const DECADES = 6; // of values are told apart
const FRAMES = 400; // more scopes than that are not framed
const CROSSES = 2000;
const AXIS = 18; // pixels for what an axis is called
const FONT = "system-ui, sans-serif";

class Colors {
  constructor() {
    const style = getComputedStyle(document.documentElement);
    const of = (name) => style.getPropertyValue(`--${name}`).trim();
    for (const name of ["paper", "ink", "faint", "partial", "diagonal", "cycle", "scope", "parent", "child"]) {
      this[name] = of(name);
    }
    this.share = this.scale(of("share").split(","));
    this.values = this.scale(of("values").split(","));
  }

  // Pixels between the colours of a scale.
  scale(stops) {
    const found = new Uint32Array(STEPS);
    const rgb = stops.map((stop) => rgbOf(stop.trim()));
    for (let k = 0; k < STEPS; k++) {
      const at = (k / (STEPS - 1)) * (rgb.length - 1);
      const low = Math.min(Math.floor(at), rgb.length - 2);
      found[k] = pixel(rgb[low].map((c, n) => c + (rgb[low + 1][n] - c) * (at - low)));
    }
    return found;
  }
}

function rgbOf(hex) {
  return [1, 3, 5].map((k) => parseInt(hex.slice(k, k + 2), 16));
}

function pixel([r, g, b]) {
  return ((255 << 24) | (Math.round(b) << 16) | (Math.round(g) << 8) | Math.round(r)) >>> 0;
}

class Painter {
  constructor(canvas, camera) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d");
    this.camera = camera;
    this.colors = new Colors();
    this.byValue = false;
    this.range = { least: 1, most: 1 };
  }

  // Say which numbers the scale of values spans: six decades below the largest.
  measure(level) {
    let least = Infinity, most = 0;
    for (const x of level.data) {
      const size = Math.abs(x);
      if (size > 0 && Number.isFinite(size)) {
        least = Math.min(least, size);
        most = Math.max(most, size);
      }
    }
    most = most || 1;
    return { most, least: Math.max(Math.min(least, most), most * 10 ** -DECADES) };
  }

  shade(x) {
    const { least, most } = this.range;
    const size = Math.abs(x);
    const share = size < least ? size / least / 2 : 0.5 + Math.log(size / least) / Math.log(most / least || 1) / 2;
    const part = Math.min(1, most === least && size >= least ? 1 : share);
    return this.colors.values[Math.round(((x < 0 ? -part : part) + 1) / 2 * (STEPS - 1))];
  }

  draw(marks) {
    const { context, camera, colors } = this;
    const ratio = this.canvas.width / this.canvas.clientWidth || 1;
    const level = camera.level;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.fillStyle = colors.paper;
    context.fillRect(0, 0, this.canvas.width, this.canvas.height);
    if (!level || !level.rows.count || !level.columns.count) return;
    this.cells(level, ratio);
    context.save();
    context.beginPath();
    const { left, top, width, height } = camera.box;
    context.rect(left - 2, top - 2, width + 4, height + 4);
    context.clip();
    this.hairlines(level);
    this.veil(marks);
    this.frames(level);
    this.crosses(level);
    this.marks(marks);
    context.restore();
    this.labels(level, marks);
  }

  // Cells go into pixels one by one, which a hundred thousand of them take milliseconds for.
  cells(level, ratio) {
    const { camera, colors } = this;
    const width = Math.max(1, Math.round(camera.box.width * ratio));
    const height = Math.max(1, Math.round(camera.box.height * ratio));
    const scale = camera.scale * ratio;
    const image = this.context.createImageData(width, height);
    const pixels = new Uint32Array(image.data.buffer);
    pixels.fill(pixel(rgbOf(colors.paper)));
    this.range = this.byValue ? (level.range ||= this.measure(level)) : this.range;
    const dense = camera.cell(level) * ratio < COARSE;
    const put = dense ? new Crowd(width, height) : null;
    const [own, partial] = [pixel(rgbOf(colors.diagonal)), pixel(rgbOf(colors.partial))];
    const [first, last] = camera.seen(level.rows, true);
    const { rows, columns, starts, indices, data } = level;
    for (let p = first; p <= last; p++) {
      const j = rows.order[p];
      const above = (rows.starts[j] - camera.y) * scale;
      const below = (rows.ends[j] - camera.y) * scale;
      const t = Math.max(0, Math.round(above));
      const b = Math.min(height, Math.max(Math.round(below), t + 1) - (below - above > 8 ? 1 : 0));
      for (let e = starts[j]; e < starts[j + 1]; e++) {
        const i = indices[e];
        const before = (columns.starts[i] - camera.x) * scale;
        const after = (columns.ends[i] - camera.x) * scale;
        if (after < 0 || before >= width) continue;
        if (dense) {
          put.add((before + after) / 2, (above + below) / 2, data[e]);
          continue;
        }
        const l = Math.max(0, Math.round(before));
        const r = Math.min(width, Math.max(Math.round(after), l + 1) - (after - before > 8 ? 1 : 0));
        const color = this.byValue ? this.shade(data[e]) : level.own[i] === j ? own : partial;
        for (let y = t; y < b; y++) pixels.fill(color, y * width + l, y * width + r);
      }
    }
    this.crowd = put;
    if (put) put.paint(pixels, this.byValue ? (x) => this.shade(x) : null, colors.share);
    this.context.putImageData(image, Math.round(camera.box.left * ratio), Math.round(camera.box.top * ratio));
  }

  hairlines(level) {
    const { context, camera, colors } = this;
    context.strokeStyle = colors.faint;
    context.lineWidth = 0.5;
    context.beginPath();
    const { left, top } = camera.box;
    const right = Math.min(left + camera.box.width, camera.pixelX(camera.across));
    const bottom = Math.min(top + camera.box.height, camera.pixelY(camera.down));
    const from = Math.max(left, camera.pixelX(0)), begin = Math.max(top, camera.pixelY(0));
    for (const finer of [...camera.coarser(level), level]) {
      for (const rows of [true, false]) {
        const axis = rows ? finer.rows : finer.columns;
        if (camera.pitch(axis, rows) < (finer === level ? 9 : 5)) continue;
        const [first, last] = camera.seen(axis, rows);
        for (let p = first; p <= last + 1; p++) {
          const narrow = (q) => (axis.edges[q + 1] - axis.edges[q]) * camera.scale < 6;
          if (p > 0 && p < axis.count && narrow(p) && narrow(p - 1)) continue;
          const at = Math.round(rows ? camera.pixelY(axis.edges[p]) : camera.pixelX(axis.edges[p])) - 0.5;
          context.moveTo(rows ? from : at, rows ? at : begin);
          context.lineTo(rows ? right : at, rows ? at : bottom);
        }
      }
    }
    context.stroke();
  }

  // What is not found yet, or does not belong to what is marked, steps back.
  veil({ unsolved, parts }) {
    const { context, camera, colors } = this;
    context.fillStyle = colors.paper;
    context.globalAlpha = 0.78;
    if (unsolved > 0) {
      const left = camera.pixelX(0), top = camera.pixelY(0);
      context.fillRect(left, top, camera.pixelX(unsolved) - left, camera.pixelY(camera.down) - top);
    } else if (parts) {
      const { left, top, width, height } = camera.box;
      context.beginPath();
      context.rect(left, top, width, height);
      for (const [a, b, c, d] of parts.strips) {
        context.rect(camera.pixelX(d), camera.pixelY(a), camera.pixelX(c) - camera.pixelX(d), camera.pixelY(b) - camera.pixelY(a));
      }
      context.fill("nonzero");
    }
    context.globalAlpha = 1;
  }

  frame([top, bottom, left, right], color, width, out = 0) {
    const { context, camera } = this;
    const x = camera.pixelX(left) - out, y = camera.pixelY(top) - out;
    context.strokeStyle = color;
    context.lineWidth = width;
    context.strokeRect(x, y, camera.pixelX(right) - x + out, camera.pixelY(bottom) - y + out);
  }

  // Scopes of coarser levels, and cycles.
  frames(level) {
    const { camera, colors } = this;
    for (const coarser of camera.coarser(level)) {
      if (coarser.frames.length > 4 * FRAMES) continue;
      for (let k = 0; k < coarser.frames.length; k += 4) {
        const corners = coarser.frames.subarray(k, k + 4);
        this.frame(corners, colors.scope, 1.25);
        this.scopeName(coarser.columnName(coarser.framed[k / 4]), corners);
      }
    }
    if (level.cycles.length > 400_000) return;
    for (let k = 0; k < level.cycles.length; k += 4) this.frame(level.cycles.subarray(k, k + 4), colors.cycle, 2, 1);
  }

  // In its lower left corner, below the diagonal, where a scope has no entries but those of cycles.
  scopeName(name, [top, bottom, left, right]) {
    const { context, camera, colors } = this;
    const last = name.slice(name.lastIndexOf(".") + 1);
    const wide = camera.pixelX(right) - camera.pixelX(left), high = camera.pixelY(bottom) - camera.pixelY(top);
    context.font = `12px ${FONT}`;
    if (high < 34 || context.measureText(last).width > 0.6 * wide) return;
    context.fillStyle = colors.scope;
    context.textAlign = "left";
    context.textBaseline = "alphabetic";
    const foot = Math.min(camera.pixelY(bottom), camera.box.top + camera.box.height);
    context.fillText(last, Math.max(camera.pixelX(left), camera.box.left) + 5, foot - 6);
  }

  // What is NaN or infinite is crossed at any scale.
  crosses(level) {
    level.lost ||= lostCells(level);
    const { context, camera, colors } = this;
    context.beginPath();
    for (const [j, i] of level.lost.slice(0, CROSSES)) {
      const x = camera.pixelX((level.columns.starts[i] + level.columns.ends[i]) / 2);
      const y = camera.pixelY((level.rows.starts[j] + level.rows.ends[j]) / 2);
      const r = Math.min(9, Math.max(3.5, (camera.cell(level) / 2) * 0.7));
      context.moveTo(x - r, y - r);
      context.lineTo(x + r, y + r);
      context.moveTo(x + r, y - r);
      context.lineTo(x - r, y + r);
    }
    for (const [color, width] of [[colors.paper, 5], [colors.cycle, 2]]) {
      context.strokeStyle = color;
      context.lineWidth = width;
      context.stroke();
    }
  }

  // Parents and children of what was clicked, the step that is played, and the cursor.
  marks({ parts, step, cursor }) {
    const { colors } = this;
    if (parts) {
      for (const cell of parts.parentCells) this.frame(cell, colors.parent, 3);
      for (const cell of parts.childCells) this.frame(cell, colors.child, 3);
      if (parts.self) this.frame(parts.self, colors.ink, 2.5);
    }
    if (step) this.frame(step, colors.ink, 2);
    if (cursor) this.frame(cursor, colors.ink, 1.5);
  }

  labels(level, marks) {
    const { camera } = this;
    const levels = [...camera.coarser(level), level].reverse();
    const widths = [true, false].map((rows) => {
      const fitting = levels.find((l) => camera.pitch(rows ? l.rows : l.columns, rows) >= 13) || levels[levels.length - 1];
      return this.names(fitting, rows, marks);
    });
    this.captions(...widths);
  }

  // What the axes are called, beyond their names, which are so wide.
  captions(down, across) {
    const { context, camera, colors } = this;
    const left = Math.max(camera.box.left, camera.pixelX(0)), top = Math.max(camera.box.top, camera.pixelY(0));
    context.fillStyle = colors.ink;
    context.globalAlpha = 0.75;
    context.font = `italic 12px ${FONT}`;
    context.textAlign = "left";
    context.textBaseline = "middle";
    context.fillText("equations rᵢ, multipliers λᵢ →", left, Math.max(AXIS / 2, top - across - 20));
    context.save();
    context.translate(Math.max(AXIS / 2, left - down - 20), top);
    context.rotate(-Math.PI / 2);
    context.textAlign = "right";
    context.fillText("← variables zⱼ", 0, 0);
    context.restore();
    context.globalAlpha = 1;
  }

  // Names along an axis where there is room; the larger members go first. The width of the widest.
  names(level, rows, { parts }) {
    const { context, camera, colors } = this;
    const axis = rows ? level.rows : level.columns;
    const [first, last] = camera.seen(axis, rows);
    const low = rows ? camera.box.top : camera.box.left;
    const high = low + (rows ? camera.box.height : camera.box.width);
    const place = (x) => (rows ? camera.pixelY(x) : camera.pixelX(x));
    const spots = [];
    const stride = Math.max(1, Math.floor((last - first + 1) / 4000));
    for (let p = first; p <= last; p += stride) {
      const a = Math.max(low, place(axis.edges[p])), b = Math.min(high, place(axis.edges[p + 1]));
      const k = axis.order[p];
      const mark = parts && parts.level === level ? (rows ? parts.rowMarks : parts.columnMarks).get(k) : undefined;
      spots.push({ at: (a + b) / 2, size: b - a, k, mark });
    }
    spots.sort((s, t) => (t.mark ? 1 : 0) - (s.mark ? 1 : 0) || t.size - s.size);
    const taken = new Uint8Array(Math.ceil(high) + 40);
    let widest = 0;
    // Names stand next to A, and leave a line for what the axis is called.
    const edge = rows ? Math.max(camera.box.left, camera.pixelX(0)) : Math.max(camera.box.top, camera.pixelY(0));
    const room = edge - 10 - AXIS;
    for (const { at, k, mark } of spots) {
      const from = Math.max(0, Math.round(at - 6)), to = Math.round(at + 6);
      if (taken.subarray(from, to).some(Boolean)) continue;
      taken.fill(1, from, to);
      context.font = `${mark ? "600 " : ""}12px ${FONT}`;
      context.fillStyle = mark ? colors[mark] : colors.ink;
      context.save();
      context.translate(rows ? edge - 6 : at, rows ? at : edge - 6);
      if (!rows) context.rotate(-Math.PI / 2);
      context.textAlign = rows ? "right" : "left";
      context.textBaseline = "middle";
      const text = this.fitted(rows ? level.rowName(k) : level.columnName(k), room);
      context.fillText(text, 0, 0);
      widest = Math.max(widest, context.measureText(text).width);
      context.restore();
    }
    return widest;
  }

  // The beginning and the end of a name, as much as there is room for.
  fitted(text, room) {
    const wide = this.context.measureText(text).width;
    if (wide <= room) return text;
    let most = Math.floor((text.length * room) / wide) + 1;
    while (most > 3 && this.context.measureText(shortened(text, most)).width > room) most--;
    return shortened(text, most);
  }
}

function lostCells(level) {
  const found = [];
  for (let j = 0; j < level.rows.count; j++) {
    for (let e = level.starts[j]; e < level.starts[j + 1]; e++) {
      if (!Number.isFinite(level.data[e])) found.push([j, level.indices[e]]);
    }
  }
  return found;
}

// Entries that share dots of two pixels: how many, and the largest of them.
class Crowd {
  constructor(width, height) {
    this.width = width;
    this.height = height;
    this.across = Math.ceil(width / 2);
    this.counts = new Uint32Array(this.across * Math.ceil(height / 2));
    this.largest = new Float64Array(this.counts.length);
    this.most = 0;
  }

  add(x, y, value) {
    if (x < 0 || y < 0 || x >= this.width || y >= this.height) return;
    const at = (y >> 1) * this.across + (x >> 1);
    const n = ++this.counts[at];
    if (n > this.most) this.most = n;
    if (Math.abs(value) > Math.abs(this.largest[at])) this.largest[at] = value;
  }

  // Many entries are darker than few, on a logarithmic scale.
  paint(pixels, shade, share) {
    const scale = (STEPS - 1) / Math.log(Math.max(2, this.most));
    for (let y = 0; y < this.height; y++) {
      for (let x = 0; x < this.width; x++) {
        const at = (y >> 1) * this.across + (x >> 1);
        const n = this.counts[at];
        if (n) pixels[y * this.width + x] = shade ? shade(this.largest[at]) : share[Math.round(Math.log(n) * scale)];
      }
    }
  }
}
