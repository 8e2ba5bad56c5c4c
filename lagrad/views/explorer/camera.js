// What part of A is seen, and at which level: the coordinates of the axes, and pixels.

// A level is drawn where its mean cell has so many pixels. Entries of arrays come earlier, as a
// density, since it is their pattern that shows what an array is.
const PITCH = 8;
const DENSE = 0.4;

// The first sight is that of scopes, and each next depth wants so much more zoom.
const DEEPER = 1.35;

class Camera {
  constructor(levels) {
    this.levels = levels;
    this.fixed = -1; // the level that was asked for, -1 for that which fits
    this.x = this.y = 0;
    this.scale = 1;
    this.box = { left: 0, top: 0, width: 1, height: 1 };
    this.across = levels.length ? levels[0].columns.total : 0;
    this.down = levels.length ? levels[0].rows.total : 0;
  }

  // Tell the camera where on the canvas A is drawn.
  place(box) {
    const fitted = this.scale <= this.least() * 1.001;
    const before = this.box.width;
    this.box = box;
    if (fitted || before <= 1) this.fit();
    else this.clamp();
  }

  least() {
    return Math.min(this.box.width / (this.across || 1), this.box.height / (this.down || 1));
  }

  // At most so many pixels for the smallest cell.
  most() {
    const last = this.levels[this.levels.length - 1];
    const narrowest = last && last.rows.count ? smallest(last.rows) : 1;
    return Math.max(160 / narrowest, this.least());
  }

  fit() {
    this.scale = this.least();
    this.x = this.y = 0;
    this.clamp();
  }

  clamp() {
    this.scale = Math.min(Math.max(this.scale, this.least()), this.most());
    this.x = held(this.x, this.box.width / this.scale, this.across);
    this.y = held(this.y, this.box.height / this.scale, this.down);
  }

  // Make everything larger by a factor; what is at this pixel stays there.
  zoom(factor, px, py) {
    const x = this.toX(px);
    const y = this.toY(py);
    this.scale = Math.min(Math.max(this.scale * factor, this.least()), this.most());
    this.x = x - (px - this.box.left) / this.scale;
    this.y = y - (py - this.box.top) / this.scale;
    this.clamp();
  }

  pan(dx, dy) {
    this.x += dx / this.scale;
    this.y += dy / this.scale;
    this.clamp();
  }

  // Show a part of A, given by its coordinates, with some room around it.
  show(top, bottom, left, right, room = 1.6) {
    const wide = this.box.width / (room * (right - left));
    const high = this.box.height / (room * (bottom - top));
    this.scale = Math.min(Math.max(Math.min(wide, high), this.least()), this.most());
    this.x = (left + right) / 2 - this.box.width / this.scale / 2;
    this.y = (top + bottom) / 2 - this.box.height / this.scale / 2;
    this.clamp();
  }

  toX(px) { return this.x + (px - this.box.left) / this.scale; }
  toY(py) { return this.y + (py - this.box.top) / this.scale; }
  pixelX(x) { return this.box.left + (x - this.x) * this.scale; }
  pixelY(y) { return this.box.top + (y - this.y) * this.scale; }

  // The places that are seen of an axis.
  seen(axis, rows) {
    return rows
      ? axis.places(this.y, this.y + this.box.height / this.scale)
      : axis.places(this.x, this.x + this.box.width / this.scale);
  }

  // Pixels of the mean cell of an axis, of those that are seen.
  pitch(axis, rows) {
    const [first, last] = this.seen(axis, rows);
    if (last < first) return Infinity;
    return ((axis.edges[last + 1] - axis.edges[first]) * this.scale) / (last - first + 1);
  }

  cell(level) {
    return Math.min(this.pitch(level.rows, true), this.pitch(level.columns, false));
  }

  coarser(level) {
    return this.levels.slice(0, this.levels.indexOf(level));
  }

  // The finest level whose cells are large enough here.
  get level() {
    if (this.fixed >= 0) return this.levels[this.fixed];
    for (let k = this.levels.length - 1; k > 0; k--) {
      const level = this.levels[k];
      const enough = level.name === "entries" && !level.numbers ? DENSE : PITCH;
      const coarser = this.levels.slice(0, k).filter((other) => other.name === "scopes").length;
      if (this.scale < this.least() * DEEPER ** coarser * 0.999) continue;
      if (this.cell(level) >= enough) return level;
    }
    return this.levels[0];
  }
}

// Keep the first coordinate so that A fills the window, or stands in its middle.
function held(first, seen, total) {
  return seen >= total ? (total - seen) / 2 : Math.min(Math.max(first, 0), total - seen);
}

function smallest(axis) {
  let found = Infinity;
  for (let p = 0; p < axis.count; p++) found = Math.min(found, axis.edges[p + 1] - axis.edges[p]);
  return found;
}

// The smallest and the largest number of a list, of any length.
function extent(numbers) {
  let [low, high] = [Infinity, -Infinity];
  for (const x of numbers) [low, high] = [Math.min(low, x), Math.max(high, x)];
  return [low, high];
}
