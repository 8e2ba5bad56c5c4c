// What is under the pointer, and what belongs to a constraint that was clicked.

const NEAR = 3; // pixels around the pointer in which an entry is looked for
const LOOKED = 200_000; // entries that are looked through for it

// The cell at a pixel: {level, row, column, crowd}, or null outside of A.
function hit(camera, px, py) {
  const level = camera.level;
  if (!level) return null;
  const x = camera.toX(px), y = camera.toY(py);
  const row = level.rows.memberAt(y), column = level.columns.memberAt(x);
  if (row < 0 || column < 0) return null;
  const found = { level, row, column, crowd: 0 };
  if (camera.cell(level) >= NEAR) return found;
  return { ...found, ...nearest(level, x, y, NEAR / camera.scale) };
}

// The entry next to a place where many are closer together than pixels.
function nearest(level, x, y, reach) {
  const [first, last] = level.rows.places(y - reach, y + reach);
  let best = Infinity, looked = 0;
  const found = { crowd: 0 };
  for (let p = first; p <= last && looked < LOOKED; p++) {
    const j = level.rows.order[p];
    const dy = (level.rows.starts[j] + level.rows.ends[j]) / 2 - y;
    for (let e = level.starts[j]; e < level.starts[j + 1]; e++, looked++) {
      const i = level.indices[e];
      const dx = (level.columns.starts[i] + level.columns.ends[i]) / 2 - x;
      const far = dx * dx + dy * dy;
      if (far > reach * reach) continue;
      found.crowd++;
      if (far < best) {
        best = far;
        Object.assign(found, { row: j, column: i });
      }
    }
  }
  return found;
}

// The corners of a cell: top, bottom, left, right.
function corners(level, j, i) {
  return [level.rows.starts[j], level.rows.ends[j], level.columns.starts[i], level.columns.ends[i]];
}

// alpha(i) and beta(i) of a constraint: rows and columns, and where to draw them.
function related(level, row, column) {
  const parents = level.parents(column), children = level.children(row);
  const { across, down } = { across: level.columns.total, down: level.rows.total };
  const strips = [];
  if (column >= 0) strips.push([0, down, level.columns.starts[column], level.columns.ends[column]]);
  if (row >= 0) {
    const [top, bottom] = [level.rows.starts[row], level.rows.ends[row]];
    // The strips must not overlap, since what is drawn twice is not cut out.
    strips.push([top, bottom, 0, column < 0 ? across : level.columns.starts[column]]);
    if (column >= 0) strips.push([top, bottom, level.columns.ends[column], across]);
  }
  return {
    level, row, column, parents, children, strips,
    self: row >= 0 && column >= 0 ? corners(level, row, column) : null,
    parentCells: parents.map((j) => corners(level, j, column)),
    childCells: children.map((i) => corners(level, row, i)),
    rowMarks: new Map([...parents.map((j) => [j, "parent"]), [row, "ink"]]),
    columnMarks: new Map([...children.map((i) => [i, "child"]), [column, "ink"]]),
  };
}
