"use strict";
// Series of a figure are switched off and on.
for (const figure of document.querySelectorAll("figure")) {
  for (const box of figure.querySelectorAll("input[data-series]")) {
    box.addEventListener("change", () => {
      for (const one of figure.querySelectorAll(".series")) {
        if (one.dataset.series === box.dataset.series) {
          one.classList.toggle("off", !box.checked);
        }
      }
    });
  }
}
// A chart is enlarged to the width of the page, and made small again.
for (const picture of document.querySelectorAll("figure .picture")) {
  if (picture.querySelector("svg.chart") === null) {
    continue;
  }
  const button = document.createElement("button");
  button.type = "button";
  button.className = "zoom";
  const turn = (large) => {
    picture.classList.toggle("large", large);
    button.setAttribute("aria-pressed", String(large));
    button.textContent = large ? "make small" : "enlarge";
  };
  turn(false);
  button.addEventListener("click", () => {
    turn(!picture.classList.contains("large"));
    picture.scrollIntoView({ block: "nearest" });
  });
  picture.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      turn(false);
    }
  });
  picture.append(button);
}
// Tables are sorted by a column: numbers as numbers, what is not known last.
function compare(a, b) {
  if (a === undefined || b === undefined) {
    return (a === undefined) - (b === undefined);
  }
  const x = Number(a);
  const y = Number(b);
  if (!Number.isNaN(x) && !Number.isNaN(y) && a !== "" && b !== "") {
    return x - y;
  }
  return a < b ? -1 : Number(a > b);
}
function key(row, column) {
  const cell = row.cells[column];
  return cell.classList.contains("number") || cell.dataset.order !== undefined
    ? cell.dataset.order
    : cell.textContent;
}
for (const table of document.querySelectorAll("table.sortable")) {
  const heads = Array.from(table.tHead.rows[0].cells);
  heads.forEach((head, column) => {
    const button = head.querySelector("button");
    if (button === null) {
      return;
    }
    button.addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") === "ascending";
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const body = table.tBodies[0];
      const rows = Array.from(body.rows);
      rows.sort((a, b) => {
        const x = key(a, column);
        const y = key(b, column);
        const order = compare(x, y);
        return down && x !== undefined && y !== undefined ? -order : order;
      });
      body.append(...rows);
    });
  });
}
// Long tables are filtered by what their rows say.
const LONG = 8;
for (const table of document.querySelectorAll("table.sortable")) {
  const rows = Array.from(table.tBodies[0].rows);
  if (rows.length < LONG) {
    continue;
  }
  const field = document.createElement("input");
  field.type = "search";
  field.className = "filter";
  field.placeholder = "filter rows";
  field.setAttribute("aria-label", "filter rows");
  field.addEventListener("input", () => {
    const words = field.value.toLowerCase().split(/\s+/);
    for (const row of rows) {
      const text = row.textContent.toLowerCase();
      row.classList.toggle("out", !words.every((word) => text.includes(word)));
    }
  });
  table.parentElement.before(field);
}
// On paper everything is open.
const closed = [];
addEventListener("beforeprint", () => {
  for (const one of document.querySelectorAll("details:not([open])")) {
    closed.push(one);
    one.open = true;
  }
});
addEventListener("afterprint", () => {
  while (closed.length > 0) {
    closed.pop().open = false;
  }
});
