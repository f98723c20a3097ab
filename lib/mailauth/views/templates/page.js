// Conveniences only: everything on the page can be read without this script.
"use strict";
(() => {
  const number = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });
  const key = (row, column) => {
    const cell = row.cells[column];
    return cell.dataset.key ?? cell.textContent.trim();
  };
  const compare = (left, right) => {
    const [a, b] = [Number(left), Number(right)];
    return left !== "" && right !== "" && !Number.isNaN(a) && !Number.isNaN(b) ? a - b : number.compare(left, right);
  };

  const sortable = (table) => {
    const body = table.tBodies[0];
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = head.textContent;
      head.replaceChildren(button);
      button.addEventListener("click", () => {
        const down = head.getAttribute("aria-sort") === "ascending";
        heads.forEach((other) => other.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", down ? "descending" : "ascending");
        const rows = [...body.rows].sort((a, b) => compare(key(a, column), key(b, column)));
        body.append(...(down ? rows.reverse() : rows));
      });
    });
  };

  const filterable = (table) => {
    const rows = [...table.tBodies[0].rows];
    const label = document.createElement("label");
    const field = document.createElement("input");
    const count = document.createElement("span");
    field.type = "search";
    count.setAttribute("role", "status");
    label.className = "filter";
    label.append("Filter rows ", field, count);
    field.addEventListener("input", () => {
      const wanted = field.value.trim().toLowerCase();
      rows.forEach((row) => (row.hidden = !row.textContent.toLowerCase().includes(wanted)));
      const left = rows.filter((row) => !row.hidden).length;
      count.textContent = wanted ? ` ${left} of ${rows.length}` : "";
    });
    table.before(label);
  };

  for (const table of document.querySelectorAll(".mailauth table")) {
    if (!table.tHead || !table.tBodies.length) continue;
    const rows = table.tBodies[0].rows.length;
    if (rows > 2) sortable(table);
    if (rows > 11) filterable(table);
  }

  // What is folded on the screen is unfolded on paper, unless it is longer than a page.
  let opened = [];
  addEventListener("beforeprint", () => {
    opened = [...document.querySelectorAll(":is(.twin, .brief):not([open])")];
    opened.forEach((fold) => (fold.open = true));
  });
  addEventListener("afterprint", () => opened.forEach((fold) => (fold.open = false)));

  // A wide table that has to scroll can be scrolled with the keyboard too.
  const reachable = () => {
    for (const box of document.querySelectorAll(".mailauth.table")) {
      if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
      else box.removeAttribute("tabindex");
    }
  };
  addEventListener("resize", reachable);
  reachable();
})();
